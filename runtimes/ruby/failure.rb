# frozen_string_literal: true

module Tidegate
  # An exception of the function's, as the log tells it.
  class Failure
    OWN_FRAME = "#{__dir__}/"
    TEXT_LIMIT = 500

    def initialize(error)
      @error = error
    end

    # Kind and text, on one line of bounded length. What `exit` raises tells its status.
    def to_s
      text = @error.is_a?(SystemExit) ? @error.status.to_s : @error.message.to_s
      "#{@error.class}: #{text.scrub.split.join(" ")[0, TEXT_LIMIT]}"
    end

    # The trace on stderr, from the function's own code on.
    def write_trace
      error = @error
      while error
        own, others = (error.backtrace || []).partition { |line| line.start_with?(OWN_FRAME) }
        error.set_backtrace(others) unless own.empty?
        error = error.cause
      end
      $stderr.write(@error.full_message(highlight: false, order: :top).chomp, "\n")
    end
  end
end

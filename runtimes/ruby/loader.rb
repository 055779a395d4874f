# frozen_string_literal: true

require_relative "failure"

module Tidegate
  # The function cannot be loaded; the message is one sentence for its author.
  class LoadFailure < StandardError; end

  # Finds the function that the environment names.
  class Loader
    def initialize(settings)
      @settings = settings
      @path = settings.path
    end

    # The function, as something with `call`; raises LoadFailure.
    def load
      fail_with("there is no file #{@path}") unless File.file?(@path)
      run_file
      find or fail_with("#{@path} defines no '#{@settings.handler}'")
    end

    private

    # The folder goes last: a function's `set.rb` must not be what a library gets for `set`.
    def run_file
      $LOAD_PATH.push(@settings.folder)
      Kernel.require(File.expand_path(@path))
    rescue Exception => error # rubocop:disable Lint/RescueException -- user code
      Failure.new(error).write_trace
      fail_with("#{@path} failed at import: #{Failure.new(error)}")
    end

    # A method of the file's top level, or a constant that can be called.
    def find
      name = @settings.handler
      main = TOPLEVEL_BINDING.receiver
      if main.respond_to?(name, true) && main.method(name).owner != Kernel
        main.method(name)
      elsif name.match?(/\A[A-Z]\w*\z/) && Object.const_defined?(name)
        callable(Object.const_get(name))
      end
    end

    def callable(value)
      return value if value.respond_to?(:call)

      fail_with("'#{@settings.handler}' in #{@path} is not a function")
    end

    def fail_with(reason)
      raise LoadFailure, "loading #{@settings.module_name}.#{@settings.handler}: #{reason}"
    end
  end
end

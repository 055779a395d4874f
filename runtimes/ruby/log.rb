# frozen_string_literal: true

module Tidegate
  # Writes lines to a stream that functions share and may fill.
  #
  # A line that does not fit at once is dropped and counted: answering calls goes before telling.
  class LineWriter
    # POSIX promises that a pipe which polls writable takes this much without blocking.
    LINE_LIMIT = 4000

    def initialize(io)
      @io = io
      @dropped = 0
    end

    # One line, without its end.
    def write(line)
      return @dropped += 1 unless IO.select(nil, [@io], nil, 0)

      line = "(#{@dropped} lines dropped: the log was not read) #{line}" if @dropped.positive?
      @io.syswrite("#{line.byteslice(0, LINE_LIMIT)}\n")
      @dropped = 0
    rescue SystemCallError, IOError
      @dropped += 1
    end
  end
end

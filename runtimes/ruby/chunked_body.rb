# frozen_string_literal: true

require_relative "wire"

module Tidegate
  # Collects a chunked body; bounded by limit.
  class ChunkedBody
    SIZE = /\A([0-9A-Fa-f]{1,8})(?:[ \t]*;[^\x00-\x08\x0a-\x1f\x7f]*)?\z/n
    LINE_LIMIT = 4096

    attr_reader :body

    def initialize(limit)
      @limit = limit
      @left = nil
      @trailer = false
      @body = String.new
    end

    # Take what buffer has; true when the body is whole. Raises BadRequest.
    def feed(buffer)
      until @trailer
        return false unless @left || size(buffer)
        return false unless @trailer || data(buffer)
      end
      trailers(buffer)
    end

    private

    def size(buffer)
      line = take_line(buffer) or return false
      match = SIZE.match(line) or raise BadRequest.new(400, "a chunk size is malformed")
      @left = match[1].hex
      if @body.bytesize + @left > @limit
        raise BadRequest.new(413, "the body is larger than #{@limit} bytes")
      end

      @trailer = @left.zero?
      true
    end

    def data(buffer)
      taken = buffer.slice!(0, @left)
      @body << taken
      @left -= taken.bytesize
      return false if @left.positive? || buffer.bytesize < 2
      raise BadRequest.new(400, "a chunk is longer than its size says") if buffer.slice!(0, 2) != "\r\n"

      @left = nil
      true
    end

    def trailers(buffer)
      while (line = take_line(buffer))
        return true if line.empty?
      end
      false
    end

    # The first line, removed from buffer; nil while it has no end.
    def take_line(buffer)
      if (size = buffer.index("\r\n")) && size < LINE_LIMIT
        return buffer.slice!(0, size + 2).chomp!("\r\n")
      end
      return if size.nil? && buffer.bytesize < LINE_LIMIT

      raise BadRequest.new(400, "a line in the chunked body is too long")
    end
  end
end

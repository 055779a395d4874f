# frozen_string_literal: true

require_relative "chunked_body"
require_relative "wire"

module Tidegate
  # From a connection's bytes to its requests: a head, then its body, within the limits.
  class RequestReader
    # `interim` takes the answer that asks for a body whose client waits to be asked.
    def initialize(front, interim)
      @front = front
      @interim = interim
      @buffer = String.new
      @held = 0
    end

    def <<(data)
      @buffer << data
    end

    # Bytes that belong to no request yet.
    def size
      @buffer.bytesize
    end

    # Whether a request has come in part.
    def begun?
      !@head.nil? || size.positive?
    end

    # The next request's head and body when both are whole; raises BadRequest.
    def next_request
      @head ||= read_head or return
      body = read_body or return
      head = @head
      @head = @chunked = nil
      [head, body]
    end

    # The request is answered: its body is held no more.
    def release
      @front.release(@held)
      @held = 0
    end

    private

    def read_head
      @buffer.slice!(0, 2) while @buffer.start_with?("\r\n")
      size = @buffer.index("\r\n\r\n")
      if (size || @buffer.bytesize) > Wire::HEAD_LIMIT
        raise BadRequest.new(431, "the request's head is larger than #{Wire::HEAD_LIMIT} bytes")
      end
      return unless size

      head = Wire.parse_head(@buffer.slice!(0, size + 4).byteslice(0, size))
      expect_body(head)
      head
    end

    # Make room for the body, and ask for it where the client waits to be asked.
    def expect_body(head)
      limit = @front.body_limit
      if head.length.nil?
        @chunked = ChunkedBody.new(limit)
      elsif head.length > limit
        raise BadRequest.new(413, "the body is larger than #{limit} bytes")
      else
        hold(head.length)
      end
      expectation = head.lower["expect"]
      return if expectation.nil? || head.length == 0 # rubocop:disable Style/NumericPredicate
      return @interim.call("HTTP/1.1 100 Continue\r\n\r\n") if expectation.casecmp?("100-continue")

      raise BadRequest.new(417, "the only expectation understood is 100-continue")
    end

    # The body when it is whole.
    def read_body
      length = @head.length
      return @buffer.bytesize < length ? nil : @buffer.slice!(0, length) if length

      whole = @chunked.feed(@buffer)
      hold(@chunked.body.bytesize - @held)
      @chunked.body if whole
    end

    def hold(size)
      if size.positive? && !@front.reserve(size)
        raise BadRequest.new(503, "too many large bodies at once: try again")
      end

      @held += size
    end
  end
end

# frozen_string_literal: true

module Tidegate
  # Writes to a stream without waiting for its reader; what is not taken yet is kept in order.
  class Outbox
    # `on_broken` is called when the stream takes nothing any more, `on_drained` when it has
    # taken what was kept.
    def initialize(io, reactor, on_broken:, on_drained: nil)
      @io = io
      @reactor = reactor
      @on_broken = on_broken
      @on_drained = on_drained
      @unsent = String.new
    end

    # Bytes that wait for the reader.
    def size
      @unsent.bytesize
    end

    def write(data)
      return @unsent << data unless @unsent.empty?

      sent = push(data)
      return if sent == data.bytesize

      @unsent = data.byteslice(sent, data.bytesize).b
      @reactor.on_writable(@io) { flush }
    end

    # Nothing more is to go out.
    def clear
      @unsent = String.new
      @reactor.forget_writing(@io)
    end

    private

    def flush
      sent = push(@unsent)
      @unsent = @unsent.byteslice(sent, @unsent.bytesize)
      return unless @unsent.empty?

      @reactor.forget_writing(@io)
      @on_drained&.call
    end

    # Bytes that the stream took; a broken one takes all.
    def push(data)
      sent = @io.write_nonblock(data, exception: false)
      sent == :wait_writable ? 0 : sent
    rescue SystemCallError, IOError
      @on_broken.call
      data.bytesize
    end
  end
end

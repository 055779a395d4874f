# frozen_string_literal: true

module Tidegate
  # The messages between the front and a worker: length-prefixed arrays over a socket pair.
  #
  # Marshal is the fastest encoding of plain values in the standard library, and safe to use here:
  # both ends run this folder on one interpreter, as one user.
  #
  #     front -> worker   [CALL, method, target, header lines, body, peer, deadline]
  #                       [MORE]        one more chunk may come
  #                       [CANCEL]      stop the call; its last message is still awaited
  #     worker -> front   [READY] | [FAILED, sentence]
  #                       [ANSWER, status, head, body, failed]
  #                       [HEAD, status, head, length or nil]
  #                       [CHUNK, bytes]…
  #                       [LAST, failed]
  #
  # A worker has one call at a time, which ends with exactly one ANSWER or LAST. Each CANCEL comes
  # with one signal.
  module Channel
    CALL, MORE, CANCEL, READY, FAILED, ANSWER, HEAD, CHUNK, LAST = *0..8

    # Chunks that may be on their way; the worker waits for MORE beyond that.
    WINDOW = 4

    CHUNK_SIZE = 64 * 1024

    # Stops a call; ignored by default, so that it harms no program that the function starts.
    INTERRUPT = "URG"

    # The message as it goes over the wire.
    def self.encode(*message)
      payload = Marshal.dump(message)
      [payload.bytesize].pack("N") << payload
    end

    # Something else than a worker has written to its channel.
    class Garbled < StandardError; end

    # Turns bytes as they come into messages; raises Garbled.
    class Decoder
      def initialize
        @buffer = String.new
      end

      # The messages that data completes, in order.
      def feed(data)
        @buffer << data
        messages = []
        while (size = @buffer.unpack1("N")) && @buffer.bytesize >= size + 4
          messages << message(@buffer.byteslice(4, size))
          @buffer = @buffer.byteslice(size + 4, @buffer.bytesize)
        end
        messages
      end

      private

      def message(payload)
        Marshal.load(payload)
      rescue TypeError, ArgumentError
        raise Garbled, "a message of a worker cannot be read"
      end
    end
  end
end

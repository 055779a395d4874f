# frozen_string_literal: true

require_relative "call"
require_relative "outbox"
require_relative "request_reader"

module Tidegate
  # One client's connection: requests in, answers out, one at a time and in order.
  class Connection
    # How long a connection is kept between requests: longer than its clients keep it.
    IDLE_TIMEOUT = 75.0

    # How long a head may take as a whole, and a body between two pieces.
    READ_TIMEOUT = 30.0

    PIPELINE_LIMIT = 64 * 1024

    # A reader that is behind by so much gets no more of a stream.
    HIGH_WATER = 64 * 1024

    attr_reader :peer, :head

    def initialize(socket, front, reactor)
      @socket = socket
      @front = front
      @reactor = reactor
      @peer = socket.remote_address.ip_address
      @outbox = Outbox.new(socket, reactor, on_broken: method(:abort), on_drained: method(:drained))
      @requests = RequestReader.new(front, ->(text) { @outbox.write(text) })
      @waiting_since = reactor.now
      @open = true
      renew
      read_on
    end

    # Close when the client has been silent for too long at this point.
    def close_if_idle(now, idle_timeout = IDLE_TIMEOUT)
      silent = now - @waiting_since
      return if @answering
      return (abort if silent >= READ_TIMEOUT) if @closing

      if !@requests.begun?
        close if silent >= idle_timeout
      elsif silent >= READ_TIMEOUT
        refuse(408, "the request did not arrive in time")
      end
    end

    # Answer a request that cannot be read to its end, and close.
    def refuse(status, sentence)
      @head = nil
      @answering = true
      respond(status, status == 503 ? RETRY : PLAIN, "#{sentence}\n")
    end

    # The whole answer to the request that was read.
    def respond(status, head, body)
      lines = head_lines(status, head, body.bytesize)
      if body?(status)
        lines << body
        @sent = body.bytesize
      end
      @outbox.write(lines)
      complete
    end

    # The head of an answer whose body follows in chunks.
    def start(status, head, length)
      @chunked = length.nil? && @head.version == 1
      @outbox.write(head_lines(status, head, length))
    end

    # A part of the body; the worker may send another when the client has taken enough.
    def chunk(data)
      if body?(@status)
        @sent += data.bytesize
        data = "#{data.bytesize.to_s(16)}\r\n".b << data << "\r\n" if @chunked
        @outbox.write(data)
      end
      if @outbox.size > HIGH_WATER
        @unacknowledged += 1
      else
        @front.more(@call)
      end
    end

    # The body is whole.
    def finish
      @outbox.write("0\r\n\r\n") if @chunked && body?(@status)
      complete
    end

    # Close at once, so that the client can tell that the answer is not whole.
    def abort
      return unless @open

      @open = false
      @reactor.forget(@socket)
      @outbox.clear
      @socket.close
      @requests.release
      call, @call = @call, nil
      @front.lost(self, call)
    end

    private

    # Ready for the next request.
    def renew
      @call = @head = nil
      @answering = @chunked = false
      @sent = @unacknowledged = 0
      @waiting_since = @reactor.now
    end

    def read_on
      return if @eof || @closing || !@open

      @reactor.on_readable(@socket) { read }
    end

    def read
      data = @reactor.read(@socket)
      case data
      when :wait_readable then nil
      when nil then ended
      else take(data)
      end
    rescue SystemCallError, IOError
      abort
    end

    def take(data)
      return if @closing # it was refused: what it still says is of no interest

      @requests << data
      if !@answering
        advance
      elsif @requests.size > PIPELINE_LIMIT
        @reactor.forget_reading(@socket)
      end
    end

    # A client that closes its side may still want the answer of a call that runs.
    def ended
      @eof = true
      @reactor.forget_reading(@socket)
      return if @answering && @call && !@front.waiting?(@call)

      @closing && @outbox.size.positive? ? nil : abort
    end

    # Read on as far as the bytes go.
    def advance
      @waiting_since = @reactor.now
      head, body = @requests.next_request
      return unless head

      @head = head
      serve(body)
    rescue BadRequest => error
      refuse(error.status, error.message)
    end

    def serve(body)
      @answering = true
      own = @front.own_answer(@head.path)
      return respond(*own) if own

      @call = @front.submit(self, @head, body)
    rescue Unavailable => error
      respond(503, RETRY, "#{error.message}\n")
    end

    # Go on with the next request, or close.
    def complete
      @front.answered(self, @status, @sent)
      keep = keep_alive? && @open
      @requests.release
      renew
      return close if !keep || (@eof && @requests.size.zero?)

      read_on
      # Not at once: a long pipeline would pile up on the stack, and starve other connections.
      @reactor.after(0) { advance if @open && !@answering && !@closing } if @requests.size.positive?
    end

    # Close when all is sent.
    def close
      return unless @open
      return abort if @outbox.size.zero?

      @closing = true
    end

    def drained
      return abort if @closing

      due, @unacknowledged = @unacknowledged, 0
      due.times { @front.more(@call) }
    end

    def body?(status)
      @head.nil? || @head.body?(status)
    end

    def keep_alive?
      @head&.keep_alive && !@front.draining?
    end

    def head_lines(status, head, length)
      @status = status
      lines = String.new << Wire.status_line(status) << Wire.date_line << head
      if length
        lines << "Content-Length: #{length}\r\n" if status != 204 && status != 304
      elsif @chunked
        lines << "Transfer-Encoding: chunked\r\n"
      else
        @head.keep_alive = false
      end
      lines << "Connection: close\r\n" unless keep_alive?
      lines << "\r\n"
    end
  end
end

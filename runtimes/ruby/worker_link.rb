# frozen_string_literal: true

require_relative "channel"
require_relative "outbox"

module Tidegate
  # One worker as the pool sees it: its channel, its call, its life.
  class WorkerLink
    # How long an interrupted call may take to unwind before its worker is killed.
    GRACE = 0.25

    # How long an idle worker may take to exit (its `at_exit` code) before it is killed.
    STOP_GRACE = 1.0

    attr_reader :process, :call, :idle_since

    # The block gets this link and what its worker says.
    def initialize(process, reactor, &on_message)
      @process = process
      @reactor = reactor
      @on_message = on_message
      @idle_since = reactor.now
      @decoder = Channel::Decoder.new
      @outbox = Outbox.new(process.socket, reactor, on_broken: method(:detach))
      @ready = @retiring = false
      @open = true
      reactor.on_readable(process.socket) { read }
    end

    # The function is loaded.
    def ready?
      @ready && !@retiring
    end

    # Takes no more calls.
    def retiring?
      @retiring
    end

    def free?
      ready? && @call.nil?
    end

    def welcome
      @ready = true
    end

    # Hand a call to the worker.
    def begin(call)
      @call = call
      head = call.head
      send_message(Channel::CALL, head.method, head.target, head.lines, call.body, call.peer,
                   call.unix_deadline)
      call.body = nil
    end

    # The call is over, or its worker is.
    def end_call
      @call = nil
      @idle_since = @reactor.now
    end

    # Let the worker send one more chunk.
    def more
      send_message(Channel::MORE)
    end

    # Stop the call; the worker is killed when it has not ended after the grace.
    def interrupt
      @call.grace_ends = @reactor.now + GRACE
      send_message(Channel::CANCEL)
      @process.interrupt
    end

    # Let an idle worker exit by itself.
    def stop
      @retiring = true
      @stop_by = @reactor.now + STOP_GRACE
      detach
      @process.socket.close
    end

    # Kill a worker whose call has outlived its interruption, or that does not exit.
    def end_if_overdue(now)
      overdue = @call&.settled? && now >= @call.grace_ends
      overdue ||= @stop_by && now >= @stop_by
      kill if overdue
    end

    def kill
      @retiring = true
      @process.kill
    end

    # Take what a worker that has ended had said before.
    def hear_out
      nil while @open && read
      detach
      @process.close
    end

    # Listen no more.
    def detach
      return unless @open

      @open = false
      @reactor.forget(@process.socket)
    end

    private

    # Whether there was something.
    def read
      data = @reactor.read(@process.socket)
      return if data == :wait_readable
      return detach unless data # the process has ended or is about to: it is reaped

      @decoder.feed(data).each { |message| @on_message.call(self, message) }
      true
    rescue SystemCallError, IOError
      detach
    rescue Channel::Garbled
      kill
    end

    def send_message(*message)
      @outbox.write(Channel.encode(*message)) if @open
    end
  end
end

# frozen_string_literal: true

require "fcntl"
require "io/nonblock"
require_relative "answer"
require_relative "channel"
require_relative "event"
require_relative "failure"
require_relative "late_gems"
require_relative "life_line"
require_relative "loader"
require_relative "settings"

module Tidegate
  # The call's time is over: raised inside the function, beyond `rescue => error`.
  class Interrupted < Exception; end # rubocop:disable Lint/InheritException

  # One worker: a process that runs the function and nothing else of the server.
  #
  # The function runs in the main thread, one call at a time, so that a signal can stop it
  # anywhere in Ruby code and in every system call that can be interrupted, with its `ensure`
  # blocks run and its state kept. What no signal stops, the front kills; it owns the connections.
  #
  # `raise`, `sleep` and their like are called on Kernel: a function may have its own.
  class Worker
    READ_SIZE = 256 * 1024

    # Larger bodies go in chunks: the front holds no more than a window of each.
    WHOLE_LIMIT = 1024 * 1024

    FAILED = "the function failed; its log says why\n"
    PLAIN = "Content-Type: text/plain; charset=utf-8\r\n"

    # Load the function, say so, and answer calls until the front closes the channel.
    def self.main(channel, lifeline)
      LifeLine.follow(IO.for_fd(lifeline, autoclose: false))
      socket = UNIXSocket.for_fd(channel)
      socket.nonblock = false # else each message would be asked for, waited for, and read
      $stdout.sync = true
      settings = Settings.from_env
      LateGems.await
      new(socket, Loader.new(settings).load, settings).run
      0
    rescue LoadFailure => error
      socket.write(Channel.encode(Channel::FAILED, error.message))
      LOAD_FAILED
    end

    def initialize(socket, function, settings)
      @socket = socket
      @function = function
      @title = settings.title
      @context = Event.context(settings)
      @decoder = Channel::Decoder.new
      @inbox = []
      @scratch = String.new
      @pid = Process.pid
      @interruptible = @started = false
      @signals = @cancels = 0
    end

    # Answer calls until the channel closes.
    def run
      Signal.trap(Channel::INTERRUPT) { interrupt }
      tell(Channel::READY)
      while (message = receive)
        next unless message.first == Channel::CALL

        await_signals
        serve(*message.drop(1))
      end
    end

    private

    def interrupt
      @signals += 1
      return unless @interruptible

      @interruptible = false
      Kernel.raise Interrupted
    end

    # A signal may be handled later than it was sent: it must not stop the next call.
    def await_signals
      Kernel.sleep(0.001) while @signals < @cancels
    end

    def serve(method, target, lines, body, peer, deadline)
      event = Event.from_request(method, target, lines, body, peer)
      result = call_function(event, { **@context, deadline: deadline })
      reply(Answer.from_result(result, event[:extensions][:response]))
    rescue BadData => error
      say(400, "#{error.message}\n", failed: false)
    rescue Interrupted
      @started ? tell(Channel::LAST, true) : say(408, "", failed: true)
    rescue Exception => error # rubocop:disable Lint/RescueException -- user code
      fail_call(event, error)
    ensure
      @started = false
    end

    # What the function returns; an answer may also be raised.
    def call_function(event, context)
      guarded { @function.call(event, context) }
    rescue StandardError => error
      Answer.response?(error) ? error : Kernel.raise
    end

    # The value of a block of user code; the only place where an interrupt is raised, since
    # elsewhere it would tear a message in two. A child that the function forked ends here: the
    # answer is its parent's to give.
    def guarded
      @interruptible = true
      Kernel.raise Interrupted if @signals > @cancels
      yield
    ensure
      @interruptible = false
      Process.exit!(0) if Process.pid != @pid
    end

    # The reverse, for a block within user code.
    def unguarded
      @interruptible = false
      Process.exit!(0) if Process.pid != @pid
      yield
      @interruptible = true
      Kernel.raise Interrupted if @signals > @cancels
    end

    def reply(answer)
      if answer.parts
        stream(answer)
      elsif answer.body.bytesize <= WHOLE_LIMIT
        tell(Channel::ANSWER, answer.status, answer.head, answer.body, false)
      else
        start(answer, answer.body.bytesize)
        send_chunks(answer.body)
        tell(Channel::LAST, false)
      end
    end

    # Sent from within the function's own loop: what stops it unwinds the loop's `ensure` blocks.
    def stream(answer)
      guarded do
        answer.parts.each do |part|
          unguarded do
            part = Answer.part(part)
            start(answer, nil) unless @started
            send_chunks(part)
          end
        end
      end
      start(answer, nil) unless @started
      tell(Channel::LAST, false)
    end

    def start(answer, length)
      tell(Channel::HEAD, answer.status, answer.head, length)
      @started = true
      @credit = Channel::WINDOW
    end

    def send_chunks(body)
      0.step(body.bytesize - 1, Channel::CHUNK_SIZE) do |offset|
        await_credit if @credit.zero?
        @credit -= 1
        tell(Channel::CHUNK, body.byteslice(offset, Channel::CHUNK_SIZE))
      end
    end

    def await_credit
      message = receive
      Kernel.raise Interrupted if message.nil? || message.first != Channel::MORE

      @credit += 1
    end

    def fail_call(event, error)
      name = event && event[:"event-id"] || "without an id"
      failure = Failure.new(error)
      STDERR.write("#{@title}: call #{name} failed: #{failure}\n")
      failure.write_trace unless error.is_a?(Unanswerable)
      @started ? tell(Channel::LAST, true) : say(500, FAILED, failed: true)
    end

    # An answer of the server's own.
    def say(status, text, failed:)
      tell(Channel::ANSWER, status, PLAIN, text, failed)
    end

    def tell(*message)
      @socket.write(Channel.encode(*message))
    end

    # The next message; nil when the front has closed the channel.
    def receive
      @inbox.concat(@decoder.feed(@socket.readpartial(READ_SIZE, @scratch))) while @inbox.empty?
      message = @inbox.shift
      @cancels += 1 if message.first == Channel::CANCEL
      message
    rescue EOFError
      nil
    end
  end
end

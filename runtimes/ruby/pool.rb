# frozen_string_literal: true

require_relative "call"
require_relative "channel"
require_relative "worker_link"
require_relative "worker_process"

module Tidegate
  # Runs calls in workers, one at a time in each.
  #
  # A call is waiting -> running -> settled (its client has an answer) -> ended (its worker said
  # so, or is gone). A worker is starting -> ready -> retiring (no new calls) -> reaped. When a
  # call's time is over it is settled with 408 and interrupted; if it has not ended after a grace,
  # its worker is killed.
  class Pool
    # Deadlines are swept this often while there are calls: exact enough, and free per call.
    TICK = 0.02

    # A call that has waited so long is worth another process; short bursts are not.
    GROW_AFTER = 0.02

    # Workers beyond the first are stopped after being idle so long.
    IDLE_LIFE = 60.0

    LONGEST_RESPAWN_DELAY = 10.0

    # The front is told by `loaded`, `load_failed(sentence)` and `eased`.
    def initialize(first, front)
      @front = front
      @settings = front.settings
      @reactor = front.reactor
      @links = []
      @waiting = []
      @loaded = @closing = @ticking = @trimming = false
      @respawn_at = 0.0
      @respawn_delay = 0.1
      adopt(first)
    end

    # Whether a call would be run now or soon.
    def ready?
      @loaded && !@closing
    end

    # Calls that have no answer yet.
    def unfinished
      @waiting.size + @links.count { |link| link.call && !link.call.settled? }
    end

    # Whether no call is waiting or running.
    def idle?
      @waiting.empty? && @links.none?(&:call)
    end

    # Whether every worker is gone.
    def empty?
      @links.empty?
    end

    # Run the call, or raise Unavailable.
    def submit(call)
      raise Unavailable, "the function is not loaded yet" unless @loaded
      raise Unavailable, "the call's deadline had passed when it came" if call.deadline <= call.received
      if @waiting.size >= @settings.queue && @links.none?(&:free?)
        raise Unavailable, "the function is busy and its queue is full"
      end

      @waiting << call
      assign
      watch
    end

    # Whether the call has not begun.
    def waiting?(call)
      @waiting.include?(call)
    end

    # The call's client has taken a chunk.
    def more(call)
      link_of(call)&.more if call
    end

    # The client has gone: a waiting call is dropped, a streamed answer is stopped. A function
    # that is computing goes on: what it does besides answering is its own.
    def forget(call)
      if !@waiting.delete(call) && call.streaming? && !call.settled?
        settle(call, failed: false)
        interrupt(call)
      end
      @front.eased
    end

    # Some process has ended: settle what it ran, and replace it where needed.
    def reap
      ended = @links.select { |link| link.process.reap }
      @links -= ended
      ended.each do |link|
        link.hear_out
        bury(link)
      end
      assign
      @front.eased
      watch
    end

    # End every worker.
    def close
      @closing = true
      @links.each do |link|
        if link.free?
          link.stop
        elsif !link.retiring?
          link.kill
        end
      end
      watch
    end

    private

    def adopt(process)
      @links << WorkerLink.new(process, @reactor) { |link, message| hear(link, message) }
    end

    def hear(link, message)
      kind, *rest = message
      case kind
      when Channel::READY then welcome(link)
      when Channel::FAILED then refuse(rest.first)
      else advance(link, link.call, kind, rest) if link.call
      end
    end

    def welcome(link)
      link.welcome
      @respawn_delay = 0.1
      unless @loaded
        @loaded = true
        @front.loaded
      end
      assign
    end

    def refuse(sentence)
      if @loaded
        @front.tell("a further worker: #{sentence}")
      else
        @front.load_failed(sentence)
      end
    end

    # Take what a worker says of the call that it runs.
    def advance(link, call, kind, rest)
      case kind
      when Channel::ANSWER, Channel::LAST
        conclude(call, kind, rest) unless call.settled?
        end_call(link)
      when Channel::HEAD
        call.streams
        call.reply.start(*rest) unless call.settled?
      when Channel::CHUNK
        call.reply.chunk(*rest) unless call.settled?
      end
    end

    def conclude(call, kind, rest)
      failed = rest.last
      settle(call, failed: failed)
      if kind == Channel::ANSWER
        call.reply.respond(*rest.first(3))
      else
        failed ? call.reply.abort : call.reply.finish
      end
    end

    def settle(call, failed:)
      call.settles
      @front.metrics.observe(call.head.method, @reactor.now - call.received, failed: failed)
    end

    def end_call(link)
      link.end_call
      @waiting.empty? ? @front.eased : assign
    end

    # Give waiting calls to workers that are free: the first ones, so that others can be stopped.
    def assign
      while !@waiting.empty? && (link = @links.find(&:free?))
        link.begin(@waiting.shift)
      end
    end

    def link_of(call)
      @links.find { |link| link.call.equal?(call) }
    end

    # Keep the sweep going while anything has a time limit.
    def watch
      return if @ticking || (@waiting.empty? && !lacking? && @links.none? { |link| limited?(link) })

      @ticking = true
      @reactor.after(TICK) { tick }
    end

    # Running, starting or retiring.
    def limited?(link)
      link.call || !link.ready?
    end

    # Whether there is no worker to take a call.
    def lacking?
      ready? && @links.all?(&:retiring?)
    end

    def tick
      @ticking = false
      now = @reactor.now
      expire_waiting(now)
      @links.each do |link|
        expire(link.call) if link.call && !link.call.settled? && now >= link.call.deadline
        link.end_if_overdue(now)
      end
      grow(now)
      watch
      trim_later(IDLE_LIFE) if !@ticking && @links.size > 1
    end

    def expire_waiting(now)
      late, @waiting = @waiting.partition { |call| now >= call.deadline }
      late.each do |call|
        call.reply.respond(503, RETRY, "the function was busy until the call's deadline\n")
      end
    end

    def expire(call)
      seconds = format("%.3f", @reactor.now - call.received)
      @front.tell("#{call.head.method} #{call.head.path}: stopped after #{seconds} s: its time is over")
      settle(call, failed: true)
      if call.streaming?
        call.reply.abort
      else
        call.reply.respond(408, PLAIN, "the function took longer than its timeout\n")
      end
      interrupt(call)
    end

    def interrupt(call)
      link_of(call)&.interrupt
      watch
    end

    # Settle what a dead worker ran.
    def bury(link)
      ending = link.process.ending
      if !@loaded && !@closing
        @front.load_failed("loading #{@settings.title}: its process #{ending} during import")
      end
      lost = link.call && !link.call.settled? ? 1 : 0
      fail_lost(link.call) if lost == 1
      if lost == 1 || !(link.retiring? || @closing)
        @front.tell("worker #{link.process.pid} #{ending} with #{lost} calls in flight")
      end
      delay_respawn unless link.ready? || link.retiring?
      link.end_call
    end

    def fail_lost(call)
      settle(call, failed: true)
      if call.streaming?
        call.reply.abort
      else
        call.reply.respond(500, PLAIN, "the function's process ended during the call\n")
      end
    end

    # A worker that dies before it is ready would be replaced for ever, and at once.
    def delay_respawn
      @respawn_at = @reactor.now + @respawn_delay
      @respawn_delay = [@respawn_delay * 2, LONGEST_RESPAWN_DELAY].min
    end

    # Start workers: the one that must be there, and one for each late call, but no more at once
    # than there are: starting takes CPU from those that would have been in time.
    def grow(now)
      return if !ready? || now < @respawn_at

      living = @links.reject(&:retiring?)
      starting = living.count { |link| !link.ready? }
      late = @waiting.count { |call| now - call.received > GROW_AFTER }
      wanted = [@settings.concurrency - living.size, late - starting, living.size].min
      [wanted, living.empty? ? 1 : 0].max.times { adopt(WorkerProcess.new(@settings.folder)) }
    rescue SystemCallError => error
      @front.tell("starting a worker: #{error.message}")
      delay_respawn
    end

    def trim_later(seconds)
      return if @trimming

      @trimming = true
      @reactor.after(seconds) { trim }
    end

    # Stop workers that have had nothing to do for long, but for the first.
    def trim
      @trimming = false
      return if @closing

      now = @reactor.now
      idle = @links.select(&:free?)
      idle.drop(1).each { |link| link.stop if now - link.idle_since >= IDLE_LIFE }
      trim_later(IDLE_LIFE / 4) if idle.size > 1
      watch
    end
  end
end

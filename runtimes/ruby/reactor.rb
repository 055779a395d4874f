# frozen_string_literal: true

module Tidegate
  # An event loop on select: actions for streams that can be read or written, and timers.
  class Reactor
    Timer = Struct.new(:at, :action)

    # Where streams are read into: memory of its own for each read would cost more than the read.
    attr_reader :scratch

    def initialize
      @scratch = String.new
      @readers = {}.compare_by_identity
      @writers = {}.compare_by_identity
      @timers = []
      @running = true
    end

    # Seconds on the clock that deadlines are told by.
    def now
      Process.clock_gettime(Process::CLOCK_MONOTONIC)
    end

    def on_readable(io, &action)
      @readers[io] = action
      @reading = nil
    end

    def on_writable(io, &action)
      @writers[io] = action
    end

    # Nothing more about io, in this direction or in both.
    def forget_reading(io)
      @reading = nil if @readers.delete(io)
    end

    def forget_writing(io)
      @writers.delete(io)
    end

    def forget(io)
      forget_reading(io)
      forget_writing(io)
    end

    # Act once, so many seconds from now.
    def after(seconds, &action)
      Timer.new(now + seconds, action).tap { |timer| @timers << timer }
    end

    # Act until `stop`.
    def run
      step while @running
    end

    def stop
      @running = false
    end

    private

    def step
      @reading ||= @readers.keys
      writing = @writers.empty? ? nil : @writers.keys
      readable, writable = IO.select(@reading, writing, nil, patience)
      # An action may end what later ones of the same round are about: they are looked up anew.
      readable&.each { |io| @readers[io]&.call }
      writable&.each { |io| @writers[io]&.call }
      fire unless @timers.empty?
    end

    def patience
      first = @timers.min_by(&:at) or return
      [first.at - now, 0].max
    end

    def fire
      present = now
      due, @timers = @timers.partition { |timer| timer.at <= present }
      due.each { |timer| timer.action.call }
    end
  end
end

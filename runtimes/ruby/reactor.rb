# frozen_string_literal: true

module Tidegate
  # An event loop on select: actions for streams that can be read or written, and timers.
  class Reactor
    Timer = Struct.new(:at, :action)

    # What is read at once, of any stream: a buffer that changes its size is moved each time.
    READ_SIZE = 128 * 1024

    def initialize
      @scratch = String.new
      @readers = {}.compare_by_identity
      @writers = {}.compare_by_identity
      @timers = [] # the next one first
      @running = true
    end

    # Seconds on the clock that deadlines are told by.
    def now
      Process.clock_gettime(Process::CLOCK_MONOTONIC)
    end

    # What the stream has, until the next read; `:wait_readable`, or nil at its end. A buffer for
    # each read would cost more than the read.
    def read(io)
      io.read_nonblock(READ_SIZE, @scratch, exception: false)
    end

    def on_readable(io, &action)
      @reading = nil unless @readers.key?(io)
      @readers[io] = action
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
      at = now + seconds
      place = @timers.bsearch_index { |timer| timer.at > at }
      @timers.insert(place || -1, Timer.new(at, action))
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
      first = @timers.first
      [first.at - now, 0].max if first
    end

    def fire
      present = now
      @timers.shift.action.call while !@timers.empty? && @timers.first.at <= present
    end
  end
end

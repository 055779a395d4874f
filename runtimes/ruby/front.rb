# frozen_string_literal: true

require "socket"
require_relative "connection"
require_relative "log"
require_relative "metrics"
require_relative "pool"
require_relative "reactor"

module Tidegate
  # The front: listens, reads requests, lets workers run the function, and stops in good order.
  # It never runs user code.
  class Front
    CONNECTION_LIMIT = 1024
    BACKLOG = 1024
    SWEEP = 5.0
    LAST_GRACE = 2.0

    # A machine without free descriptors is asked again after so long.
    ACCEPT_PAUSE = 0.1

    DEADLINE = /\A-?\d{1,15}(\.\d*)?([eE][+-]?\d{1,3})?\z/

    attr_reader :settings, :reactor, :metrics, :body_limit

    def initialize(settings, first)
      @settings = settings
      @reactor = Reactor.new
      @metrics = Metrics.new
      @log = LineWriter.new($stderr)
      @access = LineWriter.new($stdout) if settings.access_log
      @body_limit = settings.body_limit
      @held = 0
      @connections = {}.compare_by_identity
      @port = settings.port
      @draining = @ending = @sweeping = @load_failed = false
      follow_signals
      @pool = Pool.new(first, self)
      @pool.reap
    end

    # Serve until a signal or a failure ends it; the process's exit code.
    def run
      listen unless @ending
      @reactor.run
      @connections.each_key.to_a.each(&:abort)
      tell(@last_words) if @last_words
      @code
    end

    def draining?
      @draining
    end

    # The function is loaded for the first time.
    def loaded
      tell("ready on #{settings.host}:#{@port} " \
           "(Ruby #{RUBY_VERSION}, timeout #{settings.timeout.to_s.delete_suffix(".0")} s)")
    end

    # No worker can load the function: the server ends.
    def load_failed(sentence)
      return if @load_failed

      @load_failed = true
      finish(LOAD_FAILED, sentence)
    end

    # One line for the log.
    def tell(line)
      @log.write("#{settings.title}: #{line}")
    end

    # A call or a worker has ended: perhaps the last one that the stop waits for.
    def eased
      if @ending
        @reactor.stop if @pool.empty?
      elsif @draining && @pool.idle? && @connections.empty?
        finish(0)
      end
    end

    # Whether size more bytes of body may be held: four of the largest at once.
    def reserve(size)
      return false if @held + size > [4 * body_limit, MIB].max

      @held += size
    end

    # Bytes that are held no more.
    def release(size)
      @held -= size
    end

    # Answers of the server itself: is it alive, is the function ready, what has it done.
    def own_answer(path)
      case path
      when "/healthz" then [200, PLAIN, "OK\n"]
      when "/readyz" then readiness
      when "/metrics" then [200, "Content-Type: #{Metrics::CONTENT_TYPE}\r\n", metrics.render]
      end
    end

    # Run the function; raises Unavailable.
    def submit(connection, head, body)
      allowed = [settings.timeout, allowed_by(head)].min
      Call.new(head, body, connection, reactor.now, allowed).tap { |call| @pool.submit(call) }
    end

    # Whether the call has not begun.
    def waiting?(call)
      @pool.waiting?(call)
    end

    # The client has taken a chunk of the call's answer.
    def more(call)
      @pool.more(call)
    end

    # An answer is complete: Apache's combined line, where wanted.
    def answered(connection, status, size)
      return unless @access && connection.head

      @access.write(access_line(connection.peer, connection.head, status, size))
    end

    # The connection has closed, perhaps before the call's answer was complete.
    def lost(connection, call)
      @connections.delete(connection)
      @pool.forget(call) if call
      eased
    end

    private

    # Signals only wake the reactor up: nothing else may be done while one is handled.
    def follow_signals
      wakes, waker = IO.pipe
      { "TERM" => "T", "INT" => "T", "CLD" => "C" }.each do |signal, letter|
        trap(signal) { waker.write_nonblock(letter, exception: false) }
      end
      @reactor.on_readable(wakes) do
        letters = wakes.read_nonblock(1024)
        @pool.reap if letters.include?("C")
        drain if letters.include?("T")
      end
    end

    # Accept connections, and write the port down where it is asked for.
    def listen
      @server = TCPServer.new(settings.host, settings.port)
      @server.listen(BACKLOG)
      @port = @server.local_address.ip_port
      write_whole(settings.port_file, "#{@port}\n") if settings.port_file
      @reactor.on_readable(@server) { accept }
    rescue SystemCallError, SocketError => error
      reason = error.is_a?(SystemCallError) ? SystemCallError.new(error.errno).message : error.message
      finish(BIND_FAILED, "listening on #{settings.host}:#{settings.port}: #{reason}")
    end

    def accept
      while (socket = @server.accept_nonblock(exception: false)) != :wait_readable
        connect(socket)
      end
    rescue Errno::EMFILE, Errno::ENFILE, Errno::ENOMEM
      @reactor.forget_reading(@server)
      @reactor.after(ACCEPT_PAUSE) { @reactor.on_readable(@server) { accept } unless @draining }
    rescue SystemCallError
      nil # the client has gone between its coming and our looking
    end

    def connect(socket)
      socket.setsockopt(Socket::IPPROTO_TCP, Socket::TCP_NODELAY, true)
      connection = Connection.new(socket, self, @reactor)
      @connections[connection] = true
      if @connections.size > CONNECTION_LIMIT
        connection.refuse(503, "too many connections at once: try again")
      end
      sweep_later
    end

    # Close connections whose client is silent, while there are any.
    def sweep_later
      return if @sweeping

      @sweeping = true
      @reactor.after(SWEEP) do
        @sweeping = false
        now = @reactor.now
        @connections.each_key.to_a.each { |connection| connection.close_if_idle(now) }
        sweep_later unless @connections.empty?
      end
    end

    # Accept no more, and let the calls in flight end.
    def drain
      return if @draining || @ending

      @draining = true
      stop_listening
      @connections.each_key.to_a.each { |connection| connection.close_if_idle(@reactor.now, 0.0) }
      @reactor.after(settings.shutdown_timeout) { cut_short }
      eased
    end

    def cut_short
      return if @ending
      return finish(0) if @pool.unfinished.zero?

      finish(CUT_SHORT, "stopping: #{@pool.unfinished} calls were cut short")
    end

    # End the workers and then the reactor.
    def finish(code, last_words = nil)
      return if @ending

      @ending = true
      @code = code
      @last_words = last_words
      stop_listening
      @pool.close
      @reactor.after(LAST_GRACE) { @reactor.stop }
      eased
    end

    def stop_listening
      return if @server.nil? || @server.closed?

      @reactor.forget(@server)
      @server.close
    end

    def readiness
      return [503, RETRY, "stopping\n"] if @draining || @ending
      return [200, PLAIN, "OK\n"] if @pool.ready?

      [503, RETRY, "the function is not loaded yet\n"]
    end

    # Seconds that the request's own deadline leaves; infinite without one.
    def allowed_by(head)
      text = head.lower["x-tidegate-deadline"]
      return Float::INFINITY unless text && DEADLINE.match?(text)

      [0.0, text.to_f - Time.now.to_f].max
    end

    # The request in Apache's combined format.
    def access_line(peer, head, status, size)
      request = "#{head.method} #{head.target} HTTP/1.#{head.version}"
      texts = [request, head.lower.fetch("referer", "-"), head.lower.fetch("user-agent", "-")]
      first, *others = texts.map { |text| "\"#{text.gsub(/["\\]/n) { |mark| "\\#{mark}" }}\"" }
      when_ = Time.now.strftime("%d/%b/%Y:%H:%M:%S %z")
      "#{peer} - - [#{when_}] #{first} #{status} #{size} #{others.join(" ")}"
    end

    # Write a file so that a reader finds all of it or none.
    def write_whole(path, text)
      unfinished = "#{path}.#{Process.pid}"
      File.write(unfinished, text)
      File.rename(unfinished, path)
    end
  end
end

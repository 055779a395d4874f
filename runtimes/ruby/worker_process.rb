# frozen_string_literal: true

require "fcntl"
require "rbconfig"
require "socket"
require_relative "channel"

module Tidegate
  # A worker's process, the front's end of its channel, and its life line.
  #
  # A fresh interpreter instead of a fork: what the function sees is not the front's memory, and
  # the front's descriptors stay its own.
  class WorkerProcess
    SCRIPT = File.join(__dir__, "server.rb")

    attr_reader :pid, :socket

    def initialize(folder)
      @socket, child_end = UNIXSocket.pair
      lifeline, @lifeline = IO.pipe
      @pid = Process.spawn(
        gem_home(folder), RbConfig.ruby, "--disable-gems", SCRIPT, "--worker",
        child_end.fileno.to_s, lifeline.fileno.to_s,
        child_end => child_end, lifeline => lifeline, in: File::NULL,
        pgroup: true # what the function starts is killed with it
      )
    ensure
      child_end&.close
      lifeline&.close
    end

    # Stop the call that the worker runs; the worker lives on.
    def interrupt
      signal(Channel::INTERRUPT, @pid) unless @status
    end

    # End the worker and every process that it started, at once.
    def kill
      signal("KILL", -@pid) unless @status
    end

    # Whether the process has ended; if so, what it left behind is ended.
    def reap
      return false unless Process.wait(@pid, Process::WNOHANG)

      status = $?
      kill
      @status = status
      true
    end

    # Free what the process was reached by.
    def close
      @socket.close
      @lifeline.close
    end

    # How the process ended, in words.
    def ending
      number = @status.termsig
      return "exited with code #{@status.exitstatus}" unless number

      "killed by signal #{number} (SIG#{Signal.signame(number)})"
    end

    private

    # Where `bundle install --path` puts gems, if it was run and nothing else is said.
    def gem_home(folder)
      home = File.join(folder, "ruby", RbConfig::CONFIG["ruby_version"])
      ENV.key?("GEM_HOME") || !File.directory?(home) ? {} : { "GEM_HOME" => home }
    end

    def signal(name, target)
      Process.kill(name, target)
    rescue Errno::ESRCH
      nil # it is gone, and will be reaped
    end
  end
end

# frozen_string_literal: true

module Tidegate
  # Lets the kernel end this process, and those that it started, when the front is gone, whatever
  # the function does. The front holds the pipe's other end; its closing raises SIGIO, which ends
  # a process by default.
  module LifeLine
    # Linux's numbers, which Ruby does not name.
    F_SETOWN = 8
    O_ASYNC = 0o20000

    def self.follow(pipe)
      return unless RUBY_PLATFORM.include?("linux")

      pipe.fcntl(F_SETOWN, -Process.getpgrp)
      pipe.fcntl(Fcntl::F_SETFL, pipe.fcntl(Fcntl::F_GETFL) | O_ASYNC)
    end
  end
end

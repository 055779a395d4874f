# frozen_string_literal: true

require_relative "settings"
require_relative "worker_process"

# A server that runs one function over HTTP, and what that function is given.
module Tidegate
  # Runs the server; the process's exit code. The first worker starts at once, so that it loads
  # the function while we load the rest.
  def self.start
    settings = Settings.from_env
    first = WorkerProcess.new(settings.folder)
    require_relative "front"
    Front.new(settings, first).run
  rescue ConfigError => error
    $stderr.write("#{error.message}\n")
    BAD_CONFIGURATION
  end
end

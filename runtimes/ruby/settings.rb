# frozen_string_literal: true

module Tidegate
  BAD_CONFIGURATION = 2
  LOAD_FAILED = 3
  BIND_FAILED = 4
  CUT_SHORT = 5

  MIB = 1024 * 1024

  # The environment is wrong; the message names the variable and what to write instead.
  class ConfigError < StandardError; end

  # What the environment says about the function and its server: seconds, bytes and counts.
  class Settings < Struct.new(
    :module_name, :handler, :folder, :host, :port, :port_file, :timeout, :concurrency, :queue,
    :body_limit, :shutdown_timeout, :access_log, :runtime, :memory_limit, :name, :namespace,
    keyword_init: true
  )
    # Read once, checked whole; raises ConfigError with one sentence.
    def self.from_env(env = ENV)
      new(**EnvironmentReader.new(env).settings).freeze
    end

    # How log lines call the function.
    def title
      name || "#{module_name}.#{handler}"
    end

    # The function's file.
    def path
      File.join(folder, "#{module_name}.rb")
    end
  end

  # Reads variables; an empty one counts as absent.
  class EnvironmentReader
    WHOLE = /\A\d{1,15}\z/
    FRACTION = /\A(\d{1,15}(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?\z/

    def initialize(env)
      @env = env
    end

    def settings
      function.merge(address, limits)
    end

    private

    def function
      {
        module_name: required("MOD_NAME", "the function's file without its suffix"),
        handler: required("FUNC_HANDLER", "the name of the function in that file"),
        folder: text("KUBELESS_INSTALL_VOLUME") || "/kubeless",
        runtime: text("FUNC_RUNTIME"),
        memory_limit: text("FUNC_MEMORY_LIMIT"),
        name: text("FUNC_NAME"),
        namespace: text("FUNC_NAMESPACE")
      }
    end

    def address
      {
        host: text("FUNC_HOST") || "0.0.0.0",
        port: whole("FUNC_PORT", 8080, 0..65_535),
        port_file: text("FUNC_PORT_FILE"),
        access_log: !["", "0", "false"].include?(@env.fetch("FUNC_ACCESS_LOG", ""))
      }
    end

    # FUNC_MEMFILE_MAX is the name that Kubeless gave to the limit of bodies.
    def limits
      old = whole("FUNC_MEMFILE_MAX", 100 * MIB, 0..2048 * MIB)
      {
        timeout: fraction("FUNC_TIMEOUT", 180.0, 0.001..86_400.0),
        concurrency: [whole("FUNC_CONCURRENCY", 0, 0..10_000), 10].find(&:positive?),
        queue: whole("FUNC_QUEUE", 100, 0..100_000),
        body_limit: whole("FUNC_BODY_LIMIT", old, 0..2048 * MIB),
        shutdown_timeout: fraction("FUNC_SHUTDOWN_TIMEOUT", 10.0, 0.0..3600.0)
      }
    end

    def text(variable)
      value = @env[variable]
      value unless value.nil? || value.empty?
    end

    def required(variable, meaning)
      text(variable) or raise ConfigError, "#{variable} is not set: set it to #{meaning}"
    end

    def whole(variable, default, bounds)
      within(variable, default, bounds, "a whole number") { |text| text[WHOLE]&.to_i }
    end

    def fraction(variable, default, bounds)
      within(variable, default, bounds, "a number") { |text| text[FRACTION]&.to_f }
    end

    # The variable as a number within bounds, or the default when it is absent.
    def within(variable, default, bounds, noun)
      text = text(variable) or return default
      value = yield text
      return value if value && bounds.cover?(value)

      wanted = "#{noun} from #{bounds.begin} to #{bounds.end}"
      raise ConfigError, "#{variable} is '#{text}': set it to #{wanted}"
    end
  end
end

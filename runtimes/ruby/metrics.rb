# frozen_string_literal: true

module Tidegate
  # Kubeless's three metrics, in Prometheus's text format: calls, failures and durations by
  # method; unknown methods count as `other`.
  class Metrics
    CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
    BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0].freeze
    METHODS = %w[GET HEAD POST PUT PATCH DELETE OPTIONS TRACE CONNECT].freeze

    Row = Struct.new(:buckets, :seconds, :failures)

    def initialize
      @rows = {}
    end

    # Count one call that has ended.
    def observe(method, seconds, failed:)
      row = @rows[method] || row_of(METHODS.include?(method) ? method : "other")
      row.buckets[BOUNDS.bsearch_index { |bound| bound >= seconds } || BOUNDS.size] += 1
      row.seconds += seconds
      row.failures += 1 if failed
    end

    # The whole text.
    def render
      lines = [
        "# HELP function_duration_seconds Duration of calls in seconds",
        "# TYPE function_duration_seconds histogram"
      ]
      lines += @rows.flat_map { |method, row| histogram_lines(method, row) }
      lines += counter_lines("function_calls_total", "Calls that have ended") { |row| row.buckets.sum }
      lines += counter_lines("function_failures_total", "Calls that failed", &:failures)
      "#{lines.join("\n")}\n"
    end

    private

    def row_of(method)
      @rows[method] ||= Row.new(Array.new(BOUNDS.size + 1, 0), 0.0, 0)
    end

    def histogram_lines(method, row)
      name = "function_duration_seconds"
      total = 0
      lines = [*BOUNDS, "+Inf"].zip(row.buckets).map do |bound, count|
        total += count
        "#{name}_bucket{method=\"#{method}\",le=\"#{bound}\"} #{total}"
      end
      lines << "#{name}_sum{method=\"#{method}\"} #{row.seconds}"
      lines << "#{name}_count{method=\"#{method}\"} #{total}"
    end

    def counter_lines(name, text)
      samples = @rows.map { |method, row| "#{name}{method=\"#{method}\"} #{yield row}" }
      ["# HELP #{name} #{text}", "# TYPE #{name} counter", *samples]
    end
  end
end

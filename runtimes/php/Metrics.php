<?php

declare(strict_types=1);

namespace Tidegate;

/**
 * Kubeless's three metrics, in Prometheus's text format: calls, failures and durations by method;
 * unknown methods count as `other`.
 */
final class Metrics
{
    public const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

    private const BOUNDS = [
        '0.005', '0.01', '0.025', '0.05', '0.1', '0.25', '0.5', '1.0', '2.5', '5.0', '10.0', '+Inf',
    ];
    private const METHODS = [
        'GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT',
    ];

    /** @var array<string, list<int>> calls by the first bound that their duration does not pass */
    private array $buckets = [];

    /** @var array<string, float> */
    private array $seconds = [];

    /** @var array<string, int> */
    private array $failures = [];

    /** Count one call that has ended. */
    public function observe(string $method, float $seconds, bool $failed): void
    {
        $method = in_array($method, self::METHODS, true) ? $method : 'other';
        $this->buckets[$method] ??= array_fill(0, count(self::BOUNDS), 0);
        $this->buckets[$method][self::bucketOf($seconds)]++;
        $this->seconds[$method] = ($this->seconds[$method] ?? 0.0) + $seconds;
        $this->failures[$method] = ($this->failures[$method] ?? 0) + (int) $failed;
    }

    /** The whole text. */
    public function render(): string
    {
        $lines = [
            '# HELP function_duration_seconds Duration of calls in seconds',
            '# TYPE function_duration_seconds histogram',
        ];
        foreach ($this->buckets as $method => $buckets) {
            array_push($lines, ...$this->histogramLines($method, $buckets));
        }
        $calls = array_map('array_sum', $this->buckets);
        array_push($lines, ...self::counterLines('function_calls_total', 'Calls that have ended', $calls));
        array_push($lines, ...self::counterLines('function_failures_total', 'Calls that failed', $this->failures));
        return implode("\n", $lines) . "\n";
    }

    private static function bucketOf(float $seconds): int
    {
        foreach (self::BOUNDS as $index => $bound) {
            if ($bound === '+Inf' || $seconds <= (float) $bound) {
                return $index;
            }
        }
    }

    /**
     * @param list<int> $buckets
     *
     * @return list<string>
     */
    private function histogramLines(string $method, array $buckets): array
    {
        $name = 'function_duration_seconds';
        $total = 0;
        $lines = [];
        foreach ($buckets as $index => $count) {
            $total += $count;
            $bound = self::BOUNDS[$index];
            $lines[] = "{$name}_bucket{method=\"$method\",le=\"$bound\"} $total";
        }
        $lines[] = "{$name}_sum{method=\"$method\"} {$this->seconds[$method]}";
        $lines[] = "{$name}_count{method=\"$method\"} $total";
        return $lines;
    }

    /**
     * @param array<string, int> $values
     *
     * @return list<string>
     */
    private static function counterLines(string $name, string $text, array $values): array
    {
        $lines = ["# HELP $name $text", "# TYPE $name counter"];
        foreach ($values as $method => $value) {
            $lines[] = "$name{method=\"$method\"} $value";
        }
        return $lines;
    }
}

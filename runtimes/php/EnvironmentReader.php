<?php

declare(strict_types=1);

namespace Tidegate;

/** Reads variables; an empty one counts as absent. */
final class EnvironmentReader
{
    /** Each call at once takes a descriptor of the front, and select knows 1024 of them. */
    private const CONCURRENCY_LIMIT = 500;

    /** @param array<string, string> $env */
    private function __construct(private readonly array $env)
    {
    }

    /**
     * Read once, checked whole; throws ConfigError with one sentence.
     *
     * @param array<string, string> $env
     */
    public static function settings(array $env): Settings
    {
        $reader = new self($env);
        return new Settings(...$reader->function(), ...$reader->address(), ...$reader->limits());
    }

    /** @return array<string, mixed> */
    private function function(): array
    {
        return [
            'module' => $this->required('MOD_NAME', "the function's file without its suffix"),
            'handler' => $this->required('FUNC_HANDLER', 'the name of the function in that file'),
            'folder' => $this->text('KUBELESS_INSTALL_VOLUME') ?? '/kubeless',
            'runtime' => $this->text('FUNC_RUNTIME'),
            'memoryLimit' => $this->text('FUNC_MEMORY_LIMIT'),
            'name' => $this->text('FUNC_NAME'),
            'namespace' => $this->text('FUNC_NAMESPACE'),
        ];
    }

    /** @return array<string, mixed> */
    private function address(): array
    {
        return [
            'host' => $this->text('FUNC_HOST') ?? '0.0.0.0',
            'port' => $this->whole('FUNC_PORT', 8080, 65535),
            'portFile' => $this->text('FUNC_PORT_FILE'),
            'accessLog' => !in_array($this->text('FUNC_ACCESS_LOG'), [null, '0', 'false'], true),
        ];
    }

    /**
     * FUNC_MEMFILE_MAX is the name that Kubeless gave to the limit of bodies.
     *
     * @return array<string, mixed>
     */
    private function limits(): array
    {
        $old = $this->whole('FUNC_MEMFILE_MAX', 100 * Settings::MIB, 2048 * Settings::MIB);
        return [
            'timeout' => $this->fraction('FUNC_TIMEOUT', 180.0, 0.001, 86400.0),
            'concurrency' => $this->whole('FUNC_CONCURRENCY', 0, self::CONCURRENCY_LIMIT) ?: 10,
            'queue' => $this->whole('FUNC_QUEUE', 100, 100_000),
            'bodyLimit' => $this->whole('FUNC_BODY_LIMIT', $old, 2048 * Settings::MIB),
            'shutdownTimeout' => $this->fraction('FUNC_SHUTDOWN_TIMEOUT', 10.0, 0.0, 3600.0),
        ];
    }

    private function text(string $variable): ?string
    {
        $value = $this->env[$variable] ?? '';
        return $value === '' ? null : $value;
    }

    private function required(string $variable, string $meaning): string
    {
        return $this->text($variable) ?? throw new ConfigError("$variable is not set: set it to $meaning");
    }

    private function whole(string $variable, int $default, int $high): int
    {
        $text = $this->text($variable) ?? (string) $default;
        if (!preg_match('/\A\d{1,15}\z/', $text) || (int) $text > $high) {
            throw new ConfigError("$variable is '$text': set it to a whole number from 0 to $high");
        }
        return (int) $text;
    }

    private function fraction(string $variable, float $default, float $low, float $high): float
    {
        $text = $this->text($variable) ?? (string) $default;
        if (!is_numeric($text) || (float) $text < $low || (float) $text > $high) {
            throw new ConfigError("$variable is '$text': set it to a number from $low to $high");
        }
        return (float) $text;
    }
}

<?php

declare(strict_types=1);

namespace Tidegate;

/** What the environment says about the function and its server: seconds, bytes and counts. */
final class Settings
{
    public const BAD_CONFIGURATION = 2;
    public const LOAD_FAILED = 3;
    public const BIND_FAILED = 4;
    public const CUT_SHORT = 5;

    public const MIB = 1024 * 1024;

    public function __construct(
        public readonly string $module,
        public readonly string $handler,
        public readonly string $folder,
        public readonly string $host,
        public readonly int $port,
        public readonly ?string $portFile,
        public readonly float $timeout,
        public readonly int $concurrency,
        public readonly int $queue,
        public readonly int $bodyLimit,
        public readonly float $shutdownTimeout,
        public readonly bool $accessLog,
        public readonly ?string $runtime,
        public readonly ?string $memoryLimit,
        public readonly ?string $name,
        public readonly ?string $namespace,
    ) {
    }

    /** How log lines call the function. */
    public function title(): string
    {
        return $this->name ?? "$this->module.$this->handler";
    }

    /** The function's file. */
    public function path(): string
    {
        return "$this->folder/$this->module.php";
    }
}

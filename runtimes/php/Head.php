<?php

declare(strict_types=1);

namespace Tidegate;

/** A request's head; `lower` finds a header by its lower-case name. */
final class Head
{
    /**
     * @param list<array{string, string}> $headers
     * @param array<string, string> $lower
     * @param ?int $length null for a chunked body
     */
    public function __construct(
        public readonly string $method,
        public readonly string $target,
        public readonly int $version,
        public readonly array $headers,
        public readonly array $lower,
        public readonly ?int $length,
        public bool $keepAlive,
    ) {
    }

    /** The target without its query, still encoded. */
    public function path(): string
    {
        return explode('?', $this->target, 2)[0];
    }

    /** Whether a response with status carries a body. */
    public function hasBody(int $status): bool
    {
        return $this->method !== 'HEAD' && $status !== 204 && $status !== 304;
    }
}

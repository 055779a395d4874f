<?php

declare(strict_types=1);

namespace Tidegate;

/**
 * A request's head. `lines` are its headers as they came, which only the function's worker takes
 * apart; `lower` finds those that the server itself looks at by their lower-case names.
 */
final class Head
{
    /**
     * @param array<string, string> $lower
     * @param ?int $length null for a chunked body
     */
    public function __construct(
        public readonly string $method,
        public readonly string $target,
        public readonly int $version,
        public readonly string $lines,
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

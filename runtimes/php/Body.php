<?php

declare(strict_types=1);

namespace Tidegate;

/** The body: a string that also reads like a file. */
final class Body
{
    private int $offset = 0;

    public function __construct(private readonly string $bytes)
    {
    }

    public function __toString(): string
    {
        return $this->bytes;
    }

    /** The next size bytes, or all that are left. */
    public function read(?int $size = null): string
    {
        $piece = substr($this->bytes, $this->offset, $size);
        $this->offset += strlen($piece);
        return $piece;
    }

    public function getContents(): string
    {
        return $this->read();
    }

    /** Read from the start again. */
    public function rewind(): void
    {
        $this->offset = 0;
    }

    public function getSize(): int
    {
        return strlen($this->bytes);
    }
}

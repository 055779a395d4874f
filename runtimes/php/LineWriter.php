<?php

declare(strict_types=1);

namespace Tidegate;

/**
 * Writes lines to a stream that functions share and may fill.
 *
 * A line that does not fit at once is dropped and counted: answering calls goes before telling.
 */
final class LineWriter
{
    /** POSIX promises that a pipe which polls writable takes this much without blocking. */
    private const LINE_LIMIT = 4000;

    private int $dropped = 0;

    /** @param resource $stream */
    public function __construct(private readonly mixed $stream)
    {
    }

    /** One line, without its end. */
    public function write(string $line): void
    {
        if ($this->dropped > 0) {
            $line = "($this->dropped lines dropped: the log was not read) $line";
        }
        $line = substr($line, 0, self::LINE_LIMIT) . "\n";
        $taken = $this->isWritable() && @fwrite($this->stream, $line) === strlen($line);
        $this->dropped = $taken ? 0 : $this->dropped + 1;
    }

    private function isWritable(): bool
    {
        $none = null;
        $streams = [$this->stream];
        return @stream_select($none, $streams, $none, 0) === 1;
    }
}

<?php

declare(strict_types=1);

namespace Tidegate;

/** Writes to a stream without waiting for its reader; what is not taken yet is kept in order. */
final class Outbox
{
    /** A write takes no more than a socket may: the rest would be copied for nothing. */
    private const WRITE_SIZE = 256 * 1024;

    private string $unsent = '';
    private int $offset = 0;

    /**
     * @param resource $stream
     * @param \Closure(): void $onBroken the stream takes nothing any more
     * @param ?\Closure(): void $onDrained the stream has taken what was kept
     */
    public function __construct(
        private readonly mixed $stream,
        private readonly Reactor $reactor,
        private readonly \Closure $onBroken,
        private readonly ?\Closure $onDrained = null,
    ) {
    }

    /** Bytes that wait for the reader. */
    public function size(): int
    {
        return strlen($this->unsent) - $this->offset;
    }

    public function write(string $data): void
    {
        if ($this->unsent !== '') {
            $this->unsent .= $data;
            return;
        }
        $sent = $this->push($data);
        if ($sent < strlen($data)) {
            $this->unsent = $data;
            $this->offset = $sent;
            $this->reactor->onWritable($this->stream, $this->flush(...));
        }
    }

    /** Nothing more is to go out. */
    public function clear(): void
    {
        $this->unsent = '';
        $this->offset = 0;
        $this->reactor->forgetWriting($this->stream);
    }

    private function flush(): void
    {
        $this->offset += $this->push(substr($this->unsent, $this->offset, self::WRITE_SIZE));
        if ($this->size() <= 0) {
            $this->clear();
            $this->onDrained && ($this->onDrained)();
        }
    }

    /** Bytes that the stream took; a broken one takes all. */
    private function push(string $data): int
    {
        $sent = is_resource($this->stream) ? @fwrite($this->stream, $data) : false;
        if ($sent === false) {
            ($this->onBroken)();
            return strlen($data);
        }
        return $sent;
    }
}

<?php

declare(strict_types=1);

namespace Tidegate;

/** Sockets as PHP's streams, without the waiting and the buffers that streams come with. */
final class Stream
{
    /** @param resource $stream */
    public static function unblock(mixed $stream): void
    {
        stream_set_blocking($stream, false);
        stream_set_read_buffer($stream, 0);
    }

    /**
     * Whether the last read has met the end. `feof` would wait for data that is not there.
     *
     * @param resource $stream
     */
    public static function hasEnded(mixed $stream): bool
    {
        return stream_get_meta_data($stream)['eof'];
    }
}

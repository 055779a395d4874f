<?php

declare(strict_types=1);

namespace Tidegate;

/**
 * The messages between the front and a worker: length-prefixed lists over a socket pair.
 *
 *     front -> worker   [CALL, method, target, header lines, body, peer, deadline]
 *                       [MORE]        one more chunk may come
 *                       [CANCEL]      stop the call; its last message is still awaited
 *     worker -> front   [READY] | [FAILED, sentence]
 *                       [ANSWER, failed, status, head, body]
 *                       [HEAD, status, head, length or null]
 *                       [CHUNK, bytes]…
 *                       [LAST, failed]
 *
 * A worker has one call at a time, which ends with exactly one ANSWER or LAST. Each CANCEL comes
 * with one signal.
 */
final class Channel
{
    public const CALL = 0;
    public const MORE = 1;
    public const CANCEL = 2;
    public const READY = 3;
    public const FAILED = 4;
    public const ANSWER = 5;
    public const HEAD = 6;
    public const CHUNK = 7;
    public const LAST = 8;

    /** Chunks that may be on their way; the worker waits for MORE beyond that. */
    public const WINDOW = 4;

    public const CHUNK_SIZE = 64 * 1024;
    public const READ_SIZE = 256 * 1024;

    /** Stops a call; ignored by default, so that it harms no program that the function starts. */
    public const INTERRUPT = SIGURG;

    private string $buffer = '';

    /**
     * The messages that data completes, in order; throws Garbled.
     *
     * @return list<list<mixed>>
     */
    public function feed(string $data): array
    {
        $this->buffer .= $data;
        $messages = [];
        while (strlen($this->buffer) >= 4) {
            $size = unpack('N', $this->buffer)[1];
            if (strlen($this->buffer) < $size + 4) {
                break;
            }
            $message = @unserialize(substr($this->buffer, 4, $size), ['allowed_classes' => false]);
            $messages[] = is_array($message) ? $message : throw new Garbled();
            $this->buffer = substr($this->buffer, $size + 4);
        }
        return $messages;
    }

    /** The message as it goes over the wire. */
    public static function encode(mixed ...$message): string
    {
        $payload = serialize($message);
        return pack('N', strlen($payload)) . $payload;
    }
}

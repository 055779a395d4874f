<?php

declare(strict_types=1);

namespace Tidegate;

/** From a connection's bytes to its requests: a head, then its body, within the limits. */
final class RequestReader
{
    private string $buffer = '';
    private int $held = 0;
    private ?Head $head = null;
    private ?ChunkedBody $chunked = null;

    /** @param \Closure(string): void $interim takes what asks for a body whose client waits for that */
    public function __construct(private readonly Front $front, private readonly \Closure $interim)
    {
    }

    public function add(string $data): void
    {
        $this->buffer .= $data;
    }

    /** Bytes that belong to no request yet. */
    public function size(): int
    {
        return strlen($this->buffer);
    }

    /** Whether a request has come in part. */
    public function hasBegun(): bool
    {
        return $this->head !== null || $this->buffer !== '';
    }

    /**
     * The next request when it is whole; throws BadRequest.
     *
     * @return ?array{Head, string}
     */
    public function next(): ?array
    {
        $this->head ??= $this->readHead();
        $body = $this->head === null ? null : $this->readBody();
        if ($body === null) {
            return null;
        }
        $head = $this->head;
        $this->head = $this->chunked = null;
        return [$head, $body];
    }

    /** The request is answered: its body is held no more. */
    public function release(): void
    {
        $this->front->release($this->held);
        $this->held = 0;
    }

    private function readHead(): ?Head
    {
        while (str_starts_with($this->buffer, "\r\n")) {
            $this->buffer = substr($this->buffer, 2);
        }
        $size = strpos($this->buffer, "\r\n\r\n");
        if (($size === false ? strlen($this->buffer) : $size) > Wire::HEAD_LIMIT) {
            throw new BadRequest(431, "the request's head is larger than " . Wire::HEAD_LIMIT . ' bytes');
        }
        if ($size === false) {
            return null;
        }
        $head = Wire::parseHead(substr($this->buffer, 0, $size));
        $this->buffer = substr($this->buffer, $size + 4);
        $this->expectBody($head);
        return $head;
    }

    /** Make room for the body, and ask for it where the client waits to be asked. */
    private function expectBody(Head $head): void
    {
        $limit = $this->front->bodyLimit();
        if ($head->length === null) {
            $this->chunked = new ChunkedBody($limit);
        } elseif ($head->length > $limit) {
            throw new BadRequest(413, "the body is larger than $limit bytes");
        } else {
            $this->hold($head->length);
        }
        $expectation = $head->lower['expect'] ?? null;
        if ($expectation === null || $head->length === 0) {
            return;
        }
        if (strtolower($expectation) !== '100-continue') {
            throw new BadRequest(417, 'the only expectation understood is 100-continue');
        }
        ($this->interim)("HTTP/1.1 100 Continue\r\n\r\n");
    }

    /** The body when it is whole. */
    private function readBody(): ?string
    {
        $length = $this->head->length;
        if ($length === null) {
            $whole = $this->chunked->feed($this->buffer);
            $this->hold(strlen($this->chunked->body) - $this->held);
            return $whole ? $this->chunked->body : null;
        }
        if (strlen($this->buffer) < $length) {
            return null;
        }
        $body = substr($this->buffer, 0, $length);
        $this->buffer = substr($this->buffer, $length);
        return $body;
    }

    private function hold(int $size): void
    {
        if ($size > 0 && !$this->front->reserve($size)) {
            throw new BadRequest(503, 'too many large bodies at once: try again');
        }
        $this->held += $size;
    }
}

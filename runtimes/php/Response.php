<?php

declare(strict_types=1);

namespace Tidegate;

/** Status and headers of the answer. A function shapes that of its event, or returns its own. */
final class Response
{
    public readonly Headers $headers;

    /** @param array<string, mixed> $headers values, or lists of values */
    public function __construct(public mixed $body = null, public mixed $status = 200, array $headers = [])
    {
        $this->headers = Headers::fromMap($headers);
    }

    /** `content_type`, when set. */
    public function __get(string $name): ?string
    {
        return $name === 'content_type' ? $this->headers['Content-Type'] : null;
    }

    public function __set(string $name, mixed $value): void
    {
        if ($name !== 'content_type') {
            throw new \Error("a response has no property $name");
        }
        $this->headers['Content-Type'] = $value;
    }

    /** Set a header, replacing others of its name. */
    public function set_header(string $name, mixed $value): self
    {
        $this->headers[$name] = $value;
        return $this;
    }

    /** Add a header beside others of its name. */
    public function add_header(string $name, mixed $value): self
    {
        $this->headers->add($name, $value);
        return $this;
    }
}

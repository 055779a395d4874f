<?php

declare(strict_types=1);

namespace Tidegate;

/** What PSR-7's `getUri` is asked for most. */
final class Uri
{
    public function __construct(
        private readonly string $url,
        private readonly string $path,
        private readonly string $query,
    ) {
    }

    public function __toString(): string
    {
        return $this->url;
    }

    public function getHost(): string
    {
        return (string) parse_url($this->url, PHP_URL_HOST);
    }

    public function getPath(): string
    {
        return $this->path;
    }

    public function getQuery(): string
    {
        return $this->query;
    }
}

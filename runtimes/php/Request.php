<?php

declare(strict_types=1);

namespace Tidegate;

/** The request as it came. Properties have the contract's names; methods are those of PSR-7. */
final class Request
{
    public readonly string $path;
    public readonly string $fullpath;
    public readonly string $query_string;
    public readonly Body $body;
    public readonly string $content_type;
    public readonly int $content_length;

    /** @var array<string, string> the last value of each name in the URL */
    public readonly array $query;

    /** @var array<string, string> the same by another usual name */
    public readonly array $args;

    /** @var array<string, string> the arguments of a form in the body */
    public readonly array $forms;

    public function __construct(
        public readonly string $method,
        string $target,
        public readonly Headers $headers,
        string $body,
        public readonly string $remote_addr,
    ) {
        [$encoded, $query] = [...explode('?', $target, 2), ''];
        $this->path = rawurldecode($encoded);
        $this->fullpath = $target;
        $this->query_string = $query;
        $this->body = new Body($body);
        $this->content_type = $this->headers['Content-Type'] ?? '';
        $this->content_length = strlen($body);
        $this->query = $this->args = array_column(self::pairs($query), 1, 0);
        $isForm = str_starts_with($this->content_type, 'application/x-www-form-urlencoded');
        $this->forms = $isForm ? array_column(self::pairs($body), 1, 0) : [];
    }

    /** `json`: the body as JSON, whatever its type. `url`: the whole URL. */
    public function __get(string $name): mixed
    {
        return match ($name) {
            'json' => $this->content_length ? json_decode((string) $this->body, flags: JSON_THROW_ON_ERROR) : null,
            'url' => $this->url(),
        };
    }

    public function __isset(string $name): bool
    {
        return $name === 'json' || $name === 'url';
    }

    /**
     * Every value of a name in the URL, in order.
     *
     * @return list<string>
     */
    public function getall(string $name): array
    {
        $named = array_filter(self::pairs($this->query_string), fn (array $pair) => $pair[0] === $name);
        return array_values(array_column($named, 1));
    }

    /** One header, or the default. */
    public function get_header(string $name, ?string $default = null): ?string
    {
        return $this->headers[$name] ?? $default;
    }

    public function getMethod(): string
    {
        return $this->method;
    }

    public function getUri(): Uri
    {
        return new Uri($this->url(), $this->path, $this->query_string);
    }

    public function getRequestTarget(): string
    {
        return $this->fullpath;
    }

    /** @return array<string, string> */
    public function getQueryParams(): array
    {
        return $this->query;
    }

    public function getQueryParam(string $name, mixed $default = null): mixed
    {
        return $this->query[$name] ?? $default;
    }

    public function getBody(): Body
    {
        return $this->body;
    }

    /** A form's arguments, or a JSON body with arrays for its objects. */
    public function getParsedBody(): mixed
    {
        return $this->forms ?: json_decode((string) $this->body, true);
    }

    public function hasHeader(string $name): bool
    {
        return isset($this->headers[$name]);
    }

    /** @return list<string> */
    public function getHeader(string $name): array
    {
        return $this->headers->getall($name);
    }

    public function getHeaderLine(string $name): string
    {
        return $this->headers[$name] ?? '';
    }

    /** @return array<string, list<string>> */
    public function getHeaders(): array
    {
        $all = [];
        foreach ($this->headers as [$name, $value]) {
            $all[$name][] = $value;
        }
        return $all;
    }

    /** As the client or the proxy in front wrote it. */
    private function url(): string
    {
        $scheme = $this->headers['X-Forwarded-Proto'] ?? 'http';
        $host = $this->headers['X-Forwarded-Host'] ?? $this->headers['Host'] ?? '';
        return "$scheme://$host$this->fullpath";
    }

    /**
     * PHP's own parser would make arrays and change names.
     *
     * @return list<array{string, string}>
     */
    private static function pairs(string $encoded): array
    {
        $pairs = [];
        foreach (explode('&', $encoded) as $pair) {
            if ($pair !== '') {
                [$name, $value] = [...explode('=', $pair, 2), ''];
                $pairs[] = [urldecode($name), urldecode($value)];
            }
        }
        return $pairs;
    }
}

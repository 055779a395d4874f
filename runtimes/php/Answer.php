<?php

declare(strict_types=1);

namespace Tidegate;

/**
 * From what a function returns, yields or throws to an answer: a status, encoded header lines, and
 * a body or an iterator of parts.
 */
final class Answer
{
    private const TEXT = 'text/plain; charset=utf-8';
    private const JSON = 'application/json';
    private const BYTES = 'application/octet-stream';
    private const JSON_FLAGS = JSON_THROW_ON_ERROR | JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE
        | JSON_PRESERVE_ZERO_FRACTION;

    private const NAME = "/\\A[!#$%&'*+\\-.^_`|~0-9A-Za-z]+\\z/";
    private const VALUE = '/\A[^\x00-\x08\x0a-\x1f\x7f]*\z/';
    private const SERVERS_OWN = [
        'connection', 'content-length', 'date', 'keep-alive', 'te', 'trailer', 'transfer-encoding',
        'upgrade',
    ];

    public readonly int $status;
    public readonly string $head;
    public readonly string $body;
    public readonly ?\Iterator $parts;

    private function __construct(mixed $value, mixed $status, Headers $headers)
    {
        if (!is_int($status) || $status < 200 || $status > 599) {
            $shown = get_debug_type($status) . (is_scalar($status) ? " $status" : '');
            throw new Unanswerable("the status must be a whole number from 200 to 599, not $shown");
        }
        $this->status = $status;
        $this->parts = $value instanceof \Iterator ? $value : null;
        [$this->body, $type] = $this->parts ? ['', self::TEXT] : self::encode($value);
        $this->head = self::headLines($headers, $type);
    }

    /** The answer for a returned value, or a thrown one; throws Unanswerable. */
    public static function fromResult(mixed $result, Response $response): self
    {
        if (!self::isResponse($result)) {
            return new self($result, $response->status, $response->headers);
        }
        [$body, $status, $headers] = method_exists($result, 'getStatusCode')
            ? [(string) $result->getBody(), $result->getStatusCode(), $result->getHeaders()]
            : [$result->body, $result->status ?? $result->status_code, self::headersOf($result)];
        $extra = $headers instanceof Headers ? $headers : Headers::fromMap($headers);
        return new self($body, $status, $response->headers->merge($extra));
    }

    /** The response object's headers; `headerlist`, of pairs, keeps repeated ones. */
    private static function headersOf(object $response): mixed
    {
        return isset($response->headerlist) ? new Headers($response->headerlist) : $response->headers ?? [];
    }

    /**
     * Whether a value, or an exception, is a response object: ours, PSR-7's, or one with a body and
     * a status. A stdClass is data, whatever it holds.
     */
    public static function isResponse(mixed $value): bool
    {
        if (!is_object($value) || $value instanceof \stdClass) {
            return false;
        }
        if (method_exists($value, 'getStatusCode') && method_exists($value, 'getBody')) {
            return method_exists($value, 'getHeaders');
        }
        $fields = get_object_vars($value);
        return array_key_exists('body', $fields) && (isset($fields['status']) || isset($fields['status_code']));
    }

    /** One part of a stream. */
    public static function part(mixed $value): string
    {
        if (is_string($value)) {
            return $value;
        }
        throw new Unanswerable('a streamed part must be a string, not ' . get_debug_type($value));
    }

    /**
     * The body's bytes and the content type that goes with the value. A string that is not UTF-8
     * is bytes.
     *
     * @return array{string, ?string}
     */
    private static function encode(mixed $value): array
    {
        if ($value === null) {
            return ['', null];
        }
        if (is_string($value)) {
            return [$value, preg_match('//u', $value) ? self::TEXT : self::BYTES];
        }
        try {
            self::refuseClosure($value);
            return [json_encode($value, self::JSON_FLAGS), self::JSON];
        } catch (\JsonException $error) {
            $type = get_debug_type($value);
            $reason = lcfirst($error->getMessage());
            throw new Unanswerable("the returned $type cannot be written as JSON: $reason");
        }
    }

    /** JSON would write a function as an empty object. */
    private static function refuseClosure(mixed $value): void
    {
        if ($value instanceof \Closure) {
            throw new \JsonException('It is a function');
        }
    }

    /** Header lines, without those that are the server's own. */
    private static function headLines(Headers $headers, ?string $type): string
    {
        $lines = '';
        if ($type !== null && !isset($headers['Content-Type'])) {
            $lines = "Content-Type: $type\r\n";
        }
        foreach ($headers as [$name, $value]) {
            if (!in_array(strtolower($name), self::SERVERS_OWN, true)) {
                $lines .= self::headerLine($name, (string) $value);
            }
        }
        return $lines;
    }

    /** One line; throws Unanswerable for what would break the response. */
    private static function headerLine(string $name, string $value): string
    {
        if (preg_match(self::NAME, $name) && preg_match(self::VALUE, $value)) {
            return "$name: $value\r\n";
        }
        $shown = json_encode($name, JSON_INVALID_UTF8_SUBSTITUTE);
        throw new Unanswerable("the response header $shown has a character that HTTP does not allow");
    }
}

<?php

declare(strict_types=1);

namespace Tidegate;

/** HTTP/1.1 as bytes: request heads and response heads. Strict, and without I/O. */
final class Wire
{
    public const HEAD_LIMIT = 64 * 1024;

    private const HEADER_COUNT_LIMIT = 200;
    private const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]";
    private const REQUEST_LINE = '\A(' . self::TOKEN . '{1,32}) ([!-~\x80-\xff]+) HTTP/1\.([01])(?=\r\n|\z)';
    private const HEADER = self::TOKEN . '++:[^\x00-\x08\x0a-\x1f\x7f]*+';

    /** All at once: a match for each line costs several times as much. */
    private const HEAD = '@' . self::REQUEST_LINE . '((?:\r\n' . self::HEADER . ')*+)\z@';

    /** The headers that the server itself looks at. */
    private const KNOWN = '@\n(connection|content-length|content-type|expect|host|referer'
        . '|transfer-encoding|user-agent|x-tidegate-deadline):([^\r]*+)@i';

    private const ONCE = ['content-length', 'host', 'transfer-encoding', 'content-type'];

    private const REASONS = [
        200 => 'OK', 201 => 'Created', 202 => 'Accepted', 203 => 'Non-Authoritative Information',
        204 => 'No Content', 206 => 'Partial Content', 301 => 'Moved Permanently', 302 => 'Found',
        303 => 'See Other', 304 => 'Not Modified', 307 => 'Temporary Redirect',
        308 => 'Permanent Redirect', 400 => 'Bad Request', 401 => 'Unauthorized',
        403 => 'Forbidden', 404 => 'Not Found', 405 => 'Method Not Allowed',
        406 => 'Not Acceptable', 408 => 'Request Timeout', 409 => 'Conflict', 410 => 'Gone',
        412 => 'Precondition Failed', 413 => 'Content Too Large', 415 => 'Unsupported Media Type',
        417 => 'Expectation Failed', 418 => "I'm a Teapot", 422 => 'Unprocessable Content',
        425 => 'Too Early', 429 => 'Too Many Requests', 431 => 'Request Header Fields Too Large',
        500 => 'Internal Server Error', 501 => 'Not Implemented', 502 => 'Bad Gateway',
        503 => 'Service Unavailable', 504 => 'Gateway Timeout',
    ];

    /** The head from its bytes without the empty line; throws BadRequest. */
    public static function parseHead(string $raw): Head
    {
        if (substr_count($raw, "\r\n") > self::HEADER_COUNT_LIMIT) {
            throw new BadRequest(431, 'the request has more than ' . self::HEADER_COUNT_LIMIT . ' headers');
        }
        if (!preg_match(self::HEAD, $raw, $match)) {
            throw self::malformed($raw);
        }
        [, $method, $target, $version, $lines] = $match;
        $lower = self::known($lines);
        $version = (int) $version;
        if ($version === 1 && !isset($lower['host'])) {
            throw new BadRequest(400, 'the request has no Host header');
        }
        return new Head(
            $method,
            self::originForm($target),
            $version,
            $lines,
            $lower,
            self::bodyLength($lower, $version),
            self::wantsKeepAlive($lower, $version),
        );
    }

    /** The first line of a response. */
    public static function statusLine(int $status): string
    {
        return "HTTP/1.1 $status " . (self::REASONS[$status] ?? 'Status') . "\r\n";
    }

    public static function dateLine(): string
    {
        return gmdate('\D\a\t\e: D, d M Y H:i:s \G\M\T') . "\r\n";
    }

    /** What is wrong with a head. */
    private static function malformed(string $raw): BadRequest
    {
        if (preg_match('@' . self::REQUEST_LINE . '@', $raw)) {
            return new BadRequest(400, 'a header line is malformed');
        }
        return new BadRequest(400, "the request line is not 'METHOD target HTTP/1.1'");
    }

    /**
     * The headers of KNOWN by lower-case name, repeated values joined.
     *
     * @return array<string, string>
     */
    private static function known(string $lines): array
    {
        preg_match_all(self::KNOWN, $lines, $found, PREG_SET_ORDER);
        $lower = [];
        foreach ($found as [, $name, $value]) {
            $key = strtolower($name);
            if (isset($lower[$key]) && in_array($key, self::ONCE, true)) {
                throw new BadRequest(400, "the $key header is repeated");
            }
            $value = trim($value, " \t");
            $lower[$key] = isset($lower[$key]) ? "$lower[$key], $value" : $value;
        }
        return $lower;
    }

    /** The target as path and query; absolute targets lose scheme and host. */
    private static function originForm(string $target): string
    {
        if ($target[0] === '/' || $target === '*') {
            return $target;
        }
        if (!preg_match('#\Ahttps?://[^/?]*(.*)\z#i', $target, $match)) {
            throw new BadRequest(400, 'the request target is not a path');
        }
        return str_starts_with($match[1], '/') ? $match[1] : "/$match[1]";
    }

    /** @param array<string, string> $lower */
    private static function bodyLength(array $lower, int $version): ?int
    {
        $length = $lower['content-length'] ?? null;
        $encoding = $lower['transfer-encoding'] ?? null;
        if ($encoding !== null && $length !== null) {
            throw new BadRequest(400, 'the request has both Content-Length and Transfer-Encoding');
        }
        if ($encoding !== null && (strtolower($encoding) !== 'chunked' || $version === 0)) {
            throw new BadRequest(501, 'the only transfer encoding understood is chunked, in HTTP/1.1');
        }
        if ($length !== null && !preg_match('/\A[0-9]{1,15}\z/', $length)) {
            throw new BadRequest(400, 'the Content-Length is not a number');
        }
        return $encoding === null ? (int) $length : null;
    }

    /**
     * Whether the client lets the connection live on.
     *
     * @param array<string, string> $lower
     */
    private static function wantsKeepAlive(array $lower, int $version): bool
    {
        if (!isset($lower['connection'])) {
            return $version === 1;
        }
        $options = array_map('trim', explode(',', strtolower($lower['connection'])));
        return !in_array('close', $options, true) && ($version === 1 || in_array('keep-alive', $options, true));
    }
}

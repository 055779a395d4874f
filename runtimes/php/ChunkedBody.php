<?php

declare(strict_types=1);

namespace Tidegate;

/** Collects a chunked body; bounded by limit. */
final class ChunkedBody
{
    private const SIZE = '/\A([0-9A-Fa-f]{1,8})(?:[ \t]*;[^\x00-\x08\x0a-\x1f\x7f]*)?\z/';
    private const LINE_LIMIT = 4096;

    public string $body = '';
    private ?int $left = null;
    private bool $trailer = false;

    public function __construct(private readonly int $limit)
    {
    }

    /** Take what buffer has; true when the body is whole. Throws BadRequest. */
    public function feed(string &$buffer): bool
    {
        while (!$this->trailer) {
            if ($this->left === null && !$this->size($buffer)) {
                return false;
            }
            if (!$this->trailer && !$this->data($buffer)) {
                return false;
            }
        }
        return $this->trailers($buffer);
    }

    private function size(string &$buffer): bool
    {
        $line = self::takeLine($buffer);
        if ($line === null) {
            return false;
        }
        if (!preg_match(self::SIZE, $line, $match)) {
            throw new BadRequest(400, 'a chunk size is malformed');
        }
        $this->left = (int) hexdec($match[1]);
        if (strlen($this->body) + $this->left > $this->limit) {
            throw new BadRequest(413, "the body is larger than $this->limit bytes");
        }
        $this->trailer = $this->left === 0;
        return true;
    }

    private function data(string &$buffer): bool
    {
        $taken = substr($buffer, 0, $this->left);
        $buffer = substr($buffer, strlen($taken));
        $this->body .= $taken;
        $this->left -= strlen($taken);
        if ($this->left > 0 || strlen($buffer) < 2) {
            return false;
        }
        if (!str_starts_with($buffer, "\r\n")) {
            throw new BadRequest(400, 'a chunk is longer than its size says');
        }
        $buffer = substr($buffer, 2);
        $this->left = null;
        return true;
    }

    private function trailers(string &$buffer): bool
    {
        while (($line = self::takeLine($buffer)) !== null) {
            if ($line === '') {
                return true;
            }
        }
        return false;
    }

    /** The first line, removed from buffer; null while it has no end. */
    private static function takeLine(string &$buffer): ?string
    {
        $size = strpos($buffer, "\r\n");
        if (($size === false ? strlen($buffer) : $size) >= self::LINE_LIMIT) {
            throw new BadRequest(400, 'a line in the chunked body is too long');
        }
        if ($size === false) {
            return null;
        }
        $line = substr($buffer, 0, $size);
        $buffer = substr($buffer, $size + 2);
        return $line;
    }
}

<?php

declare(strict_types=1);

namespace Tidegate;

/**
 * Headers whose names compare without case; repeated ones are kept in order.
 *
 * @implements \ArrayAccess<string, string>
 * @implements \IteratorAggregate<array{string, string}>
 */
final class Headers implements \ArrayAccess, \IteratorAggregate
{
    /** @param list<array{string, mixed}> $pairs */
    public function __construct(private array $pairs = [])
    {
    }

    /** Those of a request's head, each line after a line end. */
    public static function parse(string $lines): self
    {
        $headers = new self();
        foreach (array_slice(explode("\r\n", $lines), 1) as $line) {
            $pair = explode(':', $line, 2);
            $pair[1] = trim($pair[1], " \t");
            $headers->pairs[] = $pair;
        }
        return $headers;
    }

    /**
     * The values by lower-case name, of repeated ones the last.
     *
     * @return array<string, string>
     */
    public function lower(): array
    {
        $lower = [];
        foreach ($this->pairs as [$name, $value]) {
            $lower[strtolower($name)] = $value;
        }
        return $lower;
    }

    /**
     * Headers from a map of names to values, or to lists of values as PSR-7 has them.
     *
     * @param iterable<string, mixed> $map
     */
    public static function fromMap(iterable $map): self
    {
        $headers = new self();
        foreach ($map as $name => $values) {
            foreach (is_array($values) ? $values : [$values] as $value) {
                $headers->add((string) $name, $value);
            }
        }
        return $headers;
    }

    public function offsetExists(mixed $name): bool
    {
        return $this->getall($name) !== [];
    }

    /** The value, repeated ones joined; null when there is none. */
    public function offsetGet(mixed $name): ?string
    {
        $values = $this->getall($name);
        return $values ? implode(', ', $values) : null;
    }

    public function offsetSet(mixed $name, mixed $value): void
    {
        $this->offsetUnset($name);
        $this->add($name, $value);
    }

    public function offsetUnset(mixed $name): void
    {
        $others = fn (array $pair) => strcasecmp($pair[0], $name) !== 0;
        $this->pairs = array_values(array_filter($this->pairs, $others));
    }

    /** One more header of this name. */
    public function add(string $name, mixed $value): void
    {
        $this->pairs[] = [$name, $value];
    }

    /**
     * Every value of this name, in order.
     *
     * @return list<string>
     */
    public function getall(string $name): array
    {
        $values = [];
        foreach ($this->pairs as [$key, $value]) {
            if (strcasecmp($key, $name) === 0) {
                $values[] = $value;
            }
        }
        return $values;
    }

    /** Names and values, repeated ones too. */
    public function getIterator(): \Iterator
    {
        return new \ArrayIterator($this->pairs);
    }

    /** Headers where those of extra replace others of their names. */
    public function merge(self $extra): self
    {
        $kept = array_filter($this->pairs, fn (array $pair) => !isset($extra[$pair[0]]));
        return new self([...array_values($kept), ...$extra->pairs]);
    }
}

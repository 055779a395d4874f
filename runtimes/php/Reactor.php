<?php

declare(strict_types=1);

namespace Tidegate;

/** An event loop on select: actions for streams that can be read or written, and timers. */
final class Reactor
{
    /** A signal that comes just before select waits is noticed after at most so long. */
    private const LONGEST_WAIT = 0.25;

    /** @var array<int, resource> */
    private array $readable = [];

    /** @var array<int, resource> */
    private array $writable = [];

    /** @var array<int, \Closure> */
    private array $readers = [];

    /** @var array<int, \Closure> */
    private array $writers = [];

    /** @var array<int, array{float, \Closure}> */
    private array $timers = [];

    private bool $running = true;

    /** @param \Closure(): void $onWake is called in every round, after a signal at once */
    public function __construct(private readonly \Closure $onWake)
    {
    }

    /** Seconds on the clock that deadlines are told by. */
    public function now(): float
    {
        return hrtime(true) / 1e9;
    }

    /** @param resource $stream */
    public function onReadable(mixed $stream, \Closure $action): void
    {
        $this->readable[(int) $stream] = $stream;
        $this->readers[(int) $stream] = $action;
    }

    /** @param resource $stream */
    public function onWritable(mixed $stream, \Closure $action): void
    {
        $this->writable[(int) $stream] = $stream;
        $this->writers[(int) $stream] = $action;
    }

    /** @param resource $stream */
    public function forgetReading(mixed $stream): void
    {
        unset($this->readable[(int) $stream], $this->readers[(int) $stream]);
    }

    /** @param resource $stream */
    public function forgetWriting(mixed $stream): void
    {
        unset($this->writable[(int) $stream], $this->writers[(int) $stream]);
    }

    /** @param resource $stream */
    public function forget(mixed $stream): void
    {
        $this->forgetReading($stream);
        $this->forgetWriting($stream);
    }

    /** Act once, so many seconds from now. */
    public function after(float $seconds, \Closure $action): void
    {
        $this->timers[] = [$this->now() + $seconds, $action];
    }

    /** Act until `stop`. */
    public function run(): void
    {
        while ($this->running) {
            $this->step();
        }
    }

    public function stop(): void
    {
        $this->running = false;
    }

    private function step(): void
    {
        [$readable, $writable, $none] = [$this->readable, $this->writable, null];
        $wait = (int) ($this->patience() * 1e6);
        $found = $this->select($readable, $writable, $none, $wait);
        ($this->onWake)();
        if ($found) {
            // An action may end what later ones of the same round are about: they are looked up anew.
            foreach ($readable as $id => $_) {
                isset($this->readers[$id]) && ($this->readers[$id])();
            }
            foreach ($writable as $id => $_) {
                isset($this->writers[$id]) && ($this->writers[$id])();
            }
        }
        $this->fire();
    }

    /**
     * @param array<int, resource> $readable
     * @param array<int, resource> $writable
     */
    private function select(array &$readable, array &$writable, ?array &$none, int $wait): int
    {
        if (!$readable && !$writable) {
            usleep($wait);
            return 0;
        }
        return (int) @stream_select($readable, $writable, $none, 0, $wait); // a signal interrupts it
    }

    private function patience(): float
    {
        $first = self::LONGEST_WAIT;
        $now = $this->now();
        foreach ($this->timers as [$at, $_]) {
            $first = min($first, $at - $now);
        }
        return max(0.0, $first);
    }

    private function fire(): void
    {
        $now = $this->now();
        foreach ($this->timers as $index => [$at, $action]) {
            if ($at <= $now) {
                unset($this->timers[$index]);
                $action();
            }
        }
    }
}

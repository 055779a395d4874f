<?php

declare(strict_types=1);

namespace Tidegate;

/** A request for the function on its way through the front; times are the reactor's. */
final class Call
{
    public readonly float $deadline;
    public readonly float $unixDeadline;

    /** The head of the answer has gone. */
    public bool $streaming = false;

    /** The client has its answer; the worker may not have ended. */
    public bool $settled = false;

    public float $graceEnds = 0.0;

    public function __construct(
        public readonly Head $head,
        public string $body,
        public readonly Connection $reply,
        public readonly float $received,
        float $allowed,
    ) {
        $this->deadline = $received + $allowed;
        $this->unixDeadline = microtime(true) + $allowed;
    }
}

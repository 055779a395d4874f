<?php

declare(strict_types=1);

namespace Tidegate;

/** Thrown in a new worker's process, to leave all that the front was doing behind. */
final class Forked extends \Exception
{
    /** @param resource $channel */
    public function __construct(public readonly mixed $channel, public readonly int $front)
    {
        parent::__construct('this process is a worker');
    }
}

<?php

declare(strict_types=1);

namespace Tidegate;

/** The client broke the protocol or a limit; the status and a sentence say how. */
final class BadRequest extends \Exception
{
    public function __construct(public readonly int $status, string $sentence)
    {
        parent::__construct($sentence);
    }
}

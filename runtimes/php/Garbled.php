<?php

declare(strict_types=1);

namespace Tidegate;

/** Something else than a worker has written to its channel. */
final class Garbled extends \Exception
{
}

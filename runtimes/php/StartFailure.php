<?php

declare(strict_types=1);

namespace Tidegate;

/** The machine lets no further worker start; the message says what it lacks. */
final class StartFailure extends \Exception
{
}

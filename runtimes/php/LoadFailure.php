<?php

declare(strict_types=1);

namespace Tidegate;

/** The function cannot be loaded; the message is for its author. */
final class LoadFailure extends \Exception
{
}

<?php

declare(strict_types=1);

namespace Tidegate;

/** The environment is wrong; the message names the variable and what to write instead. */
final class ConfigError extends \Exception
{
}

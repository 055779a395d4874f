# frozen_string_literal: true

# The entry, `ruby --disable-gems server.rb`: the folder stands alone, with the standard library.

require "socket"

case ARGV.shift
when "--worker"
  require_relative "worker"
  exit Tidegate::Worker.main(Integer(ARGV.shift), Integer(ARGV.shift))
else
  require_relative "start"
  exit Tidegate.start
end

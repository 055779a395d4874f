# frozen_string_literal: true

# What Ruby has of its own: the suite's functions are the same in every language.

def triple(_event, _context)
  ["gone", 410, { "X-Kind" => "triple" }]
end

def pair(_event, _context)
  ["gone", 410]
end

def deep(_event, _context)
  { list: [Object.new] }
end

def encoding(event, _context)
  event[:data].encoding.to_s
end

def arguments(event, _context)
  request = event[:extensions][:request]
  [request.query[:a], request.query.getall("a"), request.params[:b], request.body.read(3)]
end

def gem_of_the_distribution(_event, _context)
  require "prime"
  Prime.first(3)
end

# Starts a program that would outlive the server.
def spawned(_event, _context)
  spawn("sleep", "600")
end

Handler = ->(_event, context) { context[:"function-name"] }

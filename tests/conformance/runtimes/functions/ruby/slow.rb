# A file that is not loaded before it is told.

sleep 0.01 until File.exist?(ENV.fetch("LOAD_WHEN"))

def echo(_event, _context)
  "hi"
end

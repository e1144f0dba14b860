-- Asks for one of the paths in a file, each as likely as the other, in the same order each time.
local asked = {}

function init(args)
    for path in io.lines(args[1]) do
        asked[#asked + 1] = wrk.format("GET", path)
    end
    math.randomseed(1)
end

function request()
    return asked[math.random(#asked)]
end

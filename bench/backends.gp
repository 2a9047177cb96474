# Draws backends.dat, as backends.py writes it, to backends.svg and backends.png.
# Both axes are logarithmic: a cost that grows with the connections is a straight line.

set logscale xy
set xrange [8:20000]
set xlabel "open connections, 10 of them active"
set ylabel "CPU time per echo (1: epoll, none idle)"
set title "echod: what a back end costs where most connections are idle"
set key left top
set grid xtics ytics
set datafile missing "?"
set yrange [0.5:*]

set terminal svg size 800,500 background "white"
set output "backends.svg"
plot "backends.dat" using 1:2 with linespoints lw 2 title "select (1,024 descriptors at most)", \
	"" using 1:3 with linespoints lw 2 title "poll", \
	"" using 1:4 with linespoints lw 2 title "epoll, level-triggered", \
	"" using 1:5 with linespoints lw 2 dt 2 title "epoll, edge-triggered"

set terminal png size 800,500 background "white"
set output "backends.png"
replot

def compare(a,b): return 0

from matrix import *

// Nothing to run: the target stands for its precompiled header.
int main() { return 0; }

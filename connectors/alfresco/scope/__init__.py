"""What a source takes in and what it leaves out: places, aspects, rules, and content under rules that nobody sees."""

"""When what runs by itself: schedules become times, times jobs, and jobs runs that are started and stopped."""

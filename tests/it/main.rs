mod deviations;
